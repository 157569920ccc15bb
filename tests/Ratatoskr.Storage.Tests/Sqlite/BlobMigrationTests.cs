using Microsoft.Data.Sqlite;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite;
using Ratatoskr.Storage.Sqlite.Databases;
using static Ratatoskr.Storage.Tests.Sqlite.BlobFolder;

namespace Ratatoskr.Storage.Tests.Sqlite;

public sealed class BlobMigrationTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_database_from_before_blobs_keeps_what_it_has_and_takes_blobs()
    {
        using AccountFolder folder = new();
        DocumentId id = AccountFolder.NewId(), userDocument = AccountFolder.NewId();
        SqliteLibrary.Require();
        foreach (string script in new[] { "0001_accounts", "0002_unfreed_content" }) folder.Change(await ScriptAsync(script));
        folder.Change(
            $"""
            PRAGMA application_id = {0x52617461};
            PRAGMA user_version = 2;
            INSERT INTO users (id, email, user_document, max_blob_storage, created_at, updated_at) VALUES ('oidc:alice', 'a@example.org', '{userDocument}', 150, 1, 2);
            INSERT INTO documents (id, automerge_id, owner_id, size, version, created_at, updated_at) VALUES ('slug', '{id}', 'oidc:alice', 40, 3, 4, 5);
            INSERT INTO acl_entries VALUES (1, 0, 'public', 1);
            """);

        await using SqliteAccountStore store = await SqliteAccountStore.OpenAsync(folder.Options);
        Assert.Equal("a@example.org", (await store.FindUserAsync("oidc:alice", None))!.Email);
        Assert.Equal(new UserUsage(1, 40, 0), await store.UsageAsync("oidc:alice", None));
        DocumentRecord document = (await store.FindDocumentAsync("slug", None))!;
        Assert.Equal((id, 3, 1), (document.AutomergeId, document.Version, document.Acl.Count));

        DateTimeOffset now = folder.Time.GetUtcNow();
        Assert.Equal(RoomResult.Done, (await store.Blobs.AddAsync("oidc:alice", Hash("x"), 100, Png, now, None)).Result);
        Assert.Equal(new RoomOutcome(RoomResult.QuotaExceeded, 100, 150, null), await store.Blobs.ClaimAsync(id, Hash("x"), Png, now, None));
        await store.Blobs.ReleaseAsync("oidc:alice", Hash("x"), now, None);
        Assert.Equal(RoomResult.Done, (await store.Blobs.ClaimAsync(id, Hash("x"), Png, now, None)).Result);
        await store.DeleteAsync(id, None);
        Assert.Equal(new UserUsage(0, 0, 0), await store.UsageAsync("oidc:alice", None));
        Assert.Equal([Hash("x")], await store.Blobs.UnclaimedAsync(now, 10, None));
        using SqliteConnection raw = folder.Raw();
        Assert.Equal(0, Miscounted(raw));
    }

    private static async Task<string> ScriptAsync(string name)
    {
        using StreamReader script = new(typeof(Migrations).Assembly.GetManifestResourceStream($"Ratatoskr.Storage.Sqlite.Migrations.{name}.sql")!);
        return await script.ReadToEndAsync(None);
    }
}
