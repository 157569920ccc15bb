using Microsoft.Data.Sqlite;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Sqlite;
using Ratatoskr.Storage.Sqlite.Databases;
using static Ratatoskr.Storage.Tests.Sqlite.AccountFolder;

namespace Ratatoskr.Storage.Tests.Sqlite;

public sealed class DatabaseTests
{
    private const string Alice = "oidc:alice";
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task What_was_written_is_there_after_a_restart()
    {
        using AccountFolder folder = new();
        DocumentRecord document = folder.Document(Alice, Reads("oidc:bob"));
        UserRecord user;
        await using (SqliteAccountStore store = await OpenAsync(folder, Alice))
        {
            user = (await store.FindUserAsync(Alice, None))!;
            await store.RegisterAsync(document, 10, None);
        }

        Assert.Equal([folder.File], Directory.GetFiles(folder.Path));
        await using (SqliteAccountStore store = await SqliteAccountStore.OpenAsync(folder.Options))
        {
            Assert.Equal(user, await store.FindUserAsync(Alice, None));
            Assert.Equal(document.Acl, (await store.FindDocumentAsync(document.Id, None))!.Acl);
        }
    }

    [Fact]
    public async Task All_files_are_their_owners_alone()
    {
        if (OperatingSystem.IsWindows()) return;
        using AccountFolder folder = new();
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await (await OpenAsync(folder, Alice)).DisposeAsync();
        Assert.Equal(ownerOnly, File.GetUnixFileMode(folder.File));
        File.SetUnixFileMode(folder.File, ownerOnly | UnixFileMode.OtherRead);
        await using SqliteAccountStore store = await OpenAsync(folder, "oidc:bob");
        string[] files = Directory.GetFiles(folder.Path);
        Assert.Equal(3, files.Length);
        foreach (string file in files) Assert.Equal(ownerOnly, File.GetUnixFileMode(file));
    }

    [Fact]
    public async Task A_newer_versions_database_is_not_opened()
    {
        using AccountFolder folder = new();
        await (await OpenAsync(folder, Alice)).DisposeAsync();
        Change(folder, $"PRAGMA user_version = {Migrations.Newest + 1}");
        StoreFolderException refused = await Assert.ThrowsAsync<StoreFolderException>(() => SqliteAccountStore.OpenAsync(folder.Options));
        Assert.Equal($"the database {folder.File} has version {Migrations.Newest + 1}, this program knows versions up to {Migrations.Newest}: a newer one wrote it", refused.Message);
    }

    [Theory]
    [InlineData("CREATE TABLE users (id TEXT PRIMARY KEY)")]
    [InlineData("PRAGMA user_version = 1")]
    public async Task Another_programs_database_is_not_opened_and_not_changed(string sql)
    {
        using AccountFolder folder = new();
        Change(folder, sql);
        StoreFolderException refused = await Assert.ThrowsAsync<StoreFolderException>(() => SqliteAccountStore.OpenAsync(folder.Options));
        Assert.Contains(folder.File, refused.Message, StringComparison.Ordinal);
        using SqliteConnection connection = Raw(folder);
        using SqliteCommand count = connection.CreateCommand();
        count.CommandText = "SELECT count(*) FROM sqlite_schema WHERE name = 'documents'";
        Assert.Equal(0L, count.ExecuteScalar());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_damaged_database_is_named(int kind)
    {
        using AccountFolder folder = new();
        await using (SqliteAccountStore store = await OpenAsync(folder, Alice))
        {
            await Task.WhenAll(Enumerable.Range(0, 2000).Select(_ => store.RegisterAsync(folder.Document(Alice, Reads("oidc:bob")), 10_000, None).AsTask()));
        }

        byte[] bytes = await File.ReadAllBytesAsync(folder.File);
        switch (kind)
        {
            case 0: bytes.AsSpan(0, 16).Fill((byte)'x'); break;               // not a database any more
            case 1: bytes.AsSpan(bytes.Length / 2, 40_000).Fill(0xA5); break;  // pages in the middle
            case 2: bytes = bytes[..(bytes.Length / 2)]; break;               // cut
        }

        await File.WriteAllBytesAsync(folder.File, bytes);
        StoreDamagedException damaged = await Assert.ThrowsAsync<StoreDamagedException>(() => SqliteAccountStore.OpenAsync(folder.Options));
        Assert.Contains(folder.File, damaged.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_used_is_named()
    {
        using AccountFolder folder = new();
        Directory.CreateDirectory(folder.File);
        StoreFolderException refused = await Assert.ThrowsAsync<StoreFolderException>(() => SqliteAccountStore.OpenAsync(folder.Options));
        Assert.Contains(folder.File, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_library_is_said_with_the_cure() =>
        Assert.Equal(
            "SQLite is not installed: libsqlite3.so.0 or libsqlite3.so cannot be loaded (on Debian and Ubuntu: apt-get install libsqlite3-0)",
            SqliteLibrary.Missing(["libsqlite3.so.0", "libsqlite3.so"]));

    [Fact]
    public async Task A_closed_store_answers_what_was_asked_and_refuses_what_comes()
    {
        using AccountFolder folder = new();
        SqliteAccountStore store = await OpenAsync(folder, Alice);
        Task<RegisterOutcome>[] waiting = [.. Enumerable.Range(0, 300).Select(_ => store.RegisterAsync(folder.Document(Alice), 1000, None).AsTask())];
        await store.DisposeAsync();
        await store.DisposeAsync();
        Assert.All(await Task.WhenAll(waiting), o => Assert.Equal(RegisterResult.Registered, o.Result));
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.FindUserAsync(Alice, None));
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.SignInAsync(Alice, null, null, None));
        store.TokenUsed("t", folder.Time.GetUtcNow());
        await using SqliteAccountStore again = await SqliteAccountStore.OpenAsync(folder.Options);
        Assert.Equal(300, (await again.UsageAsync(Alice, None)).Documents);
    }

    [Fact]
    public async Task A_full_queue_lets_callers_wait_and_forgets_none()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await SqliteAccountStore.OpenAsync(folder.Options with { QueueLength = 2, GroupMax = 3 });
        await store.SignInAsync(Alice, null, null, None);
        RegisterOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, 500).Select(_ => store.RegisterAsync(folder.Document(Alice), 1000, None).AsTask()));
        Assert.Equal(Enumerable.Range(1, 500).Select(i => (long)i), outcomes.Select(o => o.Current).Order());
    }

    [Fact]
    public async Task A_call_that_was_given_up_is_cancelled_and_does_nothing()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        using CancellationTokenSource stop = new();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await store.RegisterAsync(folder.Document(Alice), 10, stop.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await store.FindUserAsync(Alice, stop.Token));
        Assert.Equal(0, (await store.UsageAsync(Alice, None)).Documents);
    }

    [Fact]
    public async Task A_transaction_that_cannot_be_stored_is_refused_and_the_next_goes_on()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        using (SqliteConnection other = Raw(folder))
        {
            using SqliteCommand command = other.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE";
            command.ExecuteNonQuery();
            Task<RegisterOutcome> write = store.RegisterAsync(folder.Document(Alice), 10, None).AsTask();
            Assert.NotNull(await store.FindUserAsync(Alice, None));
            StoreUnavailableException refused = await Assert.ThrowsAsync<StoreUnavailableException>(() => write);
            Assert.Equal($"write refused: another process is writing to it ({folder.File})", refused.Message);
        }

        RegisterOutcome next = await store.RegisterAsync(folder.Document(Alice), 10, None);
        Assert.Equal((RegisterResult.Registered, 1L), (next.Result, next.Current));
    }

    private static void Change(AccountFolder folder, string sql)
    {
        using SqliteConnection connection = Raw(folder);
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static SqliteConnection Raw(AccountFolder folder)
    {
        SqliteLibrary.Require();
        SqliteConnection connection = new($"Data Source={folder.File};Pooling=False");
        connection.Open();
        return connection;
    }
}
