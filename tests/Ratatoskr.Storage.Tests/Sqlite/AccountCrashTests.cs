using System.Diagnostics;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Sqlite;

namespace Ratatoskr.Storage.Tests.Sqlite;

public sealed class AccountCrashTests
{
    [Fact]
    public async Task No_answered_write_is_missing_after_sigkill()
    {
        const int rounds = 8;
        using AccountFolder folder = new();
        int[] answered = new int[AccountCrashChild.Users];
        Random random = new(42);
        for (int round = 0; round < rounds; round++)
        {
            await RunAndKillAsync(folder.Path, answered, linesMin: random.Next(1, 1500));
            await using SqliteAccountStore store = await SqliteAccountStore.OpenAsync(folder.Options);
            for (int user = 0; user < answered.Length; user++)
            {
                long there = 0;
                for (int number = 1; number <= answered[user]; number++)
                {
                    DocumentRecord? found = await store.FindDocumentAsync(AccountCrashChild.Name(user, number), CancellationToken.None);
                    if (found is not null) there++;
                    bool deleted = AccountCrashChild.IsDeleted(number);
                    if (deleted && number + AccountCrashChild.DeletedAfter <= answered[user]) Assert.Null(found);
                    else if (!deleted || number + AccountCrashChild.DeletedAfter > answered[user] + 1) Assert.Equal((2L, 2), (found!.Version, found.Acl.Count));
                    if (AccountCrashChild.HasBlob(number)) await AssertHasBlobAsync(store, user, number, found);
                }

                // At most one registration was on its way for each.
                UserUsage usage = await store.UsageAsync(AccountCrashChild.User(user), CancellationToken.None);
                Assert.InRange(usage.Documents, there, there + 1);
                Assert.Equal(usage.Documents * 10, usage.StorageBytes);
            }
        }

        AssertCounted(folder);
    }

    // The document has the blob for as long as it is there itself; the user let go of it, unless he was about to.
    private static async Task AssertHasBlobAsync(SqliteAccountStore store, int user, int number, DocumentRecord? document)
    {
        BlobHash hash = AccountCrashChild.Blob(user, number);
        Assert.Equal(AccountCrashChild.BlobSize, (await store.Blobs.FindAsync(hash, CancellationToken.None))!.Size);
        IReadOnlyList<BlobHolder> holders = await store.Blobs.HoldersAsync(hash, 0, 10, CancellationToken.None);
        Assert.Equal(document is null ? [] : [document.AutomergeId], holders.Select(h => h.Document));
    }

    // What triggers keep is what counting gives.
    private static void AssertCounted(AccountFolder folder)
    {
        using SqliteConnection connection = new($"Data Source={folder.File};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText =
            """
            SELECT (SELECT count(*) FROM users WHERE document_count <> (SELECT count(*) FROM documents WHERE owner_id = users.id))
                 + (SELECT count(*) FROM documents AS d WHERE referrers <> (SELECT count(*) FROM acl_entries WHERE principal IN (d.name, d.automerge_id)))
            """;
        Assert.Equal(0L, command.ExecuteScalar());
        Assert.Equal(0, BlobFolder.Miscounted(connection));
    }

    private static async Task RunAndKillAsync(string folder, int[] answered, int linesMin)
    {
        ProcessStartInfo start = new("dotnet", [typeof(AccountCrashTests).Assembly.Location])
        {
            Environment = { [AccountCrashChild.Variable] = folder },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process child = Process.Start(start)!;
        Task<string> errors = child.StandardError.ReadToEndAsync();
        int lines = 0;
        while (await child.StandardOutput.ReadLineAsync() is { } line)
        {
            string[] words = line.Split(' ');
            // The last line may be cut; and one that still reads as a number is smaller than the right one.
            if (words.Length != 2 || !int.TryParse(words[0], CultureInfo.InvariantCulture, out int user) || !int.TryParse(words[1], CultureInfo.InvariantCulture, out int number)) continue;
            answered[user] = Math.Max(answered[user], number);
            if (++lines == linesMin) child.Kill();
        }

        await child.WaitForExitAsync();
        Assert.True(lines >= linesMin, $"the child ended by itself: {await errors}");
    }
}
