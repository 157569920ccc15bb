using System.Diagnostics;
using System.Globalization;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Sqlite;
using static Ratatoskr.Storage.Tests.Sqlite.AccountFolder;

namespace Ratatoskr.Storage.Tests.Sqlite;

/// <summary>Measures; no test: this assembly started with <see cref="Variable"/> set to anything.</summary>
internal static class AccountFigures
{
    public const string Variable = "RATATOSKR_ACCOUNT_FIGURES";

    private const string Alice = "oidc:alice";
    private const string Bob = "oidc:bob";
    private static readonly CancellationToken None = CancellationToken.None;

    public static async Task RunAsync()
    {
        await CallsAsync();
        await OpeningAsync();
    }

    private static async Task CallsAsync()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob, "oidc:carol");
        DocumentRecord[] documents = new DocumentRecord[10_000];
        foreach (int callers in new[] { 1, 16, 64 })
        {
            await MeasureAsync($"registrations, {callers} callers", callers, callers == 1 ? 500 : 8_000, i =>
                store.RegisterAsync(folder.Document("oidc:carol", Reads("oidc:zoe")), long.MaxValue, None).AsTask());
        }

        await MeasureAsync("registrations (10,000 of one owner)", 64, documents.Length, i =>
        {
            folder.Time.Advance(TimeSpan.FromMilliseconds(1));
            documents[i] = folder.Document(Alice, Reads(Bob));
            return store.RegisterAsync(documents[i], long.MaxValue, None).AsTask();
        });
        foreach (int callers in new[] { 1, 16 })
        {
            await MeasureAsync($"find by automerge id, {callers} callers", callers, 40_000, i => store.FindDocumentAsync(documents[i % documents.Length].AutomergeId, None).AsTask());
            await MeasureAsync($"find by name, {callers} callers", callers, 40_000, i => store.FindDocumentAsync(documents[i % documents.Length].Id, None).AsTask());
            await MeasureAsync($"find user, {callers} callers", callers, 40_000, _ => store.FindUserAsync(Alice, None).AsTask());
        }

        await MeasureAsync("first 50 of 10,000 owned", 1, 1000, _ => store.ListOwnedAsync(Alice, new PageRequest(50, null)));
        await MeasureAsync("accessible of an owner of 10,000, none shared with him", 1, 1000, _ => store.ListAccessibleAsync(Alice, false, new PageRequest(50, null)));
        await MeasureAsync("first 50 of 10,000 shared", 1, 50, _ => store.ListAccessibleAsync(Bob, false, new PageRequest(50, null)));
        await MeasureAsync("usage", 1, 10_000, _ => store.UsageAsync(Alice, None).AsTask());
        await MeasureAsync("referrers of a document nobody names", 1, 10_000, i => store.ReferrersAsync(documents[i % documents.Length].AutomergeId, 10_000, None).AsTask());
    }

    private static async Task OpeningAsync()
    {
        using AccountFolder folder = new();
        await using (SqliteAccountStore store = await OpenAsync(folder, Alice))
        {
            await MeasureAsync("registrations, 256 callers", 256, 200_000, _ => store.RegisterAsync(folder.Document(Alice, Reads(Bob)), long.MaxValue, None).AsTask());
        }

        long size = new FileInfo(folder.File).Length;
        long started = Stopwatch.GetTimestamp();
        await (await SqliteAccountStore.OpenAsync(folder.Options)).DisposeAsync();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"opening with 200,000 documents, {size >> 20} MiB: {Stopwatch.GetElapsedTime(started).TotalMilliseconds:F0} ms"));
    }

    private static async Task MeasureAsync(string what, int callers, int count, Func<int, Task> call)
    {
        int next = -1;
        long started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref next) is var i && i < count) await call(i);
        })));
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {count / seconds:F0}/s, {seconds * 1e6 * callers / count:F0} µs each"));
    }
}
