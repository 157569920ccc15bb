using System.Globalization;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite;

namespace Ratatoskr.Storage.Tests.Sqlite;

/// <summary>
/// The process that is killed: this assembly started again with <see cref="Variable"/> set to a data folder. Registers, shares and deletes without end,
/// some with a blob that the user has uploaded and the document claims, and writes one line per round to its standard output once all of the round is answered.
/// </summary>
internal static class AccountCrashChild
{
    public const string Variable = "RATATOSKR_CRASH_CHILD_ACCOUNTS";
    public const int Users = 16;
    public const int DeletedAfter = 3;
    public const int BlobSize = 7;

    public static string User(int user) => string.Create(CultureInfo.InvariantCulture, $"oidc:{user}");

    public static string Name(int user, int number) => string.Create(CultureInfo.InvariantCulture, $"{user}-{number}");

    /// <summary>Every tenth document is deleted three rounds later.</summary>
    public static bool IsDeleted(int number) => number % 10 == 0;

    public static bool HasBlob(int number) => number % 5 == 0;

    public static BlobHash Blob(int user, int number) => BlobFolder.Hash(Name(user, number));

    public static async Task RunAsync(string path)
    {
        SqliteAccountStore store = await SqliteAccountStore.OpenAsync(AccountFolder.OptionsFor(path));
        await Task.WhenAll(Enumerable.Range(0, Users).Select(i => Task.Run(() => WriteAsync(store, i))));
    }

    private static async Task WriteAsync(SqliteAccountStore store, int user)
    {
        CancellationToken none = CancellationToken.None;
        await store.SignInAsync(User(user), null, null, none);
        int number = 1;
        while (await store.FindDocumentAsync(Name(user, number), none) is not null || IsDeleted(number)) number++;
        // The round before may be half done, and one that is deleted may have been passed over: once more.
        number = Math.Max(1, number - 2);
        while (true)
        {
            DocumentRecord document = new() { Id = Name(user, number), AutomergeId = AccountFolder.NewId(), OwnerId = User(user), Size = 10 };
            RegisterOutcome outcome = await store.RegisterAsync(document, long.MaxValue, none);
            if (outcome.Result is not (RegisterResult.Registered or RegisterResult.IdTaken)) throw new InvalidOperationException($"{outcome.Result}");
            DocumentRecord made = outcome.Document ?? (await store.FindDocumentAsync(document.Id, none))!;
            if (made.Version == 1) await store.SetAclAsync(made.AutomergeId, [AccountFolder.Reads("oidc:reader"), AccountFolder.Reads(Name(user, number - 1))], 1, none);
            if (HasBlob(number)) await UploadAsync(store, user, number, made.AutomergeId);
            if (IsDeleted(number - DeletedAfter) && await store.FindDocumentAsync(Name(user, number - DeletedAfter), none) is { } old) await store.DeleteAsync(old.AutomergeId, none);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{user} {number}"));
            number++;
        }
    }

    private static async Task UploadAsync(SqliteAccountStore store, int user, int number, DocumentId document)
    {
        CancellationToken none = CancellationToken.None;
        DateTimeOffset now = DateTimeOffset.UtcNow;
        Guid id = Guid.NewGuid();
        BlobUpload upload = new() { Id = id, UserId = User(user), Size = BlobSize, ChunkSize = 1024, MimeType = BlobFolder.Png, CreatedAt = now, ExpiresAt = now.AddDays(1) };
        RoomOutcome begun = await store.Blobs.BeginUploadAsync(upload, int.MaxValue, none);
        if (begun.Result != RoomResult.Done || await store.Blobs.CompleteUploadAsync(id, Blob(user, number), now, none) is null) throw new InvalidOperationException($"{begun.Result}");
        RoomOutcome claimed = await store.Blobs.ClaimAsync(document, Blob(user, number), BlobFolder.Png, now, none);
        if (claimed.Result is not (RoomResult.Done or RoomResult.AlreadyClaimed)) throw new InvalidOperationException($"{claimed.Result}");
        await store.Blobs.ReleaseAsync(User(user), Blob(user, number), now, none);
    }
}
