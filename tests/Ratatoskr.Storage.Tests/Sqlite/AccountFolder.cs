using System.Security.Cryptography;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite;

namespace Ratatoskr.Storage.Tests.Sqlite;

/// <summary>A folder for one test and what is often wanted in it.</summary>
internal sealed class AccountFolder : IDisposable
{
    public static readonly UserQuotas Quotas = new(10_000, 10 << 20, 1 << 30, 5L << 30, 1 << 30);

    public string Path { get; } = Directory.CreateTempSubdirectory("ratatoskr-").FullName;

    public string File => System.IO.Path.Combine(Path, "ratatoskr.db");

    public SettableTime Time { get; } = new();

    public SqliteAccountStoreOptions Options => OptionsFor(Path) with { Time = Time };

    public static SqliteAccountStoreOptions OptionsFor(string path) => new() { Folder = path, NewDocumentId = NewId, DefaultQuotas = Quotas };

    public static DocumentId NewId() => DocumentId.FromPayload(RandomNumberGenerator.GetBytes(16));

    public static async Task<SqliteAccountStore> OpenAsync(AccountFolder folder, params string[] users)
    {
        SqliteAccountStore store = await SqliteAccountStore.OpenAsync(folder.Options);
        foreach (string user in users) await store.SignInAsync(user, null, null, CancellationToken.None);
        return store;
    }

    /// <summary>A document called as on the wire.</summary>
    public DocumentRecord Document(string owner, params AclEntry[] acl)
    {
        DocumentId id = NewId();
        return new DocumentRecord { Id = id.ToString(), AutomergeId = id, OwnerId = owner, CreatedAt = Time.GetUtcNow(), UpdatedAt = Time.GetUtcNow(), Acl = acl };
    }

    public DocumentRecord App(string owner, string appId) => Document(owner) with { Id = "app:" + appId, AppId = appId };

    public static AclEntry Reads(string principal) => new(principal, Permission.Read);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>A clock that stands still until it is told otherwise; durations are the system's.</summary>
internal sealed class SettableTime : TimeProvider
{
    private DateTimeOffset _now = DateTimeOffset.FromUnixTimeMilliseconds(1_790_000_000_123);

    public override DateTimeOffset GetUtcNow() => _now;

    public void Advance(TimeSpan by) => _now += by;
}
