using Microsoft.Data.Sqlite;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite;
using static Ratatoskr.Storage.Tests.Sqlite.BlobFolder;

namespace Ratatoskr.Storage.Tests.Sqlite;

/// <summary>Fifty that each fit, and together do not.</summary>
public sealed class BlobQuotaTests
{
    private const string Alice = "oidc:alice";
    private const string Bob = "oidc:bob";
    private const int Callers = 50;
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(1)]
    [InlineData(256)]
    public async Task Of_parallel_uploads_exactly_those_that_fit_begin(int groupMax)
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, groupMax);
        await PassAsync(store, folder, i => store.Blobs.BeginUploadAsync(folder.Upload(Alice, 100), 1000, None), fitting: 10);
    }

    [Fact]
    public async Task Of_parallel_uploads_no_more_begin_than_a_user_may_have()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, 256);
        RoomOutcome[] outcomes = await AllAsync(i => store.Blobs.BeginUploadAsync(folder.Upload(Alice, 1), 7, None));
        Assert.Equal(7, outcomes.Count(o => o.Result == RoomResult.Done));
        Assert.All(outcomes.Where(o => o.Result != RoomResult.Done), o => Assert.Equal(new RoomOutcome(RoomResult.TooManyUploads, 7, 7, null), o));
    }

    [Fact]
    public async Task Of_parallel_claims_additions_and_uploads_exactly_those_that_fit_are_made()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, 256);
        DocumentId document = await folder.RegisterAsync(store, Alice);
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(i => store.Blobs.AddAsync(Bob, Hash(i), 100, Png, folder.Time.GetUtcNow(), None).AsTask()));
        await PassAsync(
            store,
            folder,
            i => (i % 4) switch
            {
                0 => store.Blobs.BeginUploadAsync(folder.Upload(Alice, 100), 1000, None),
                1 => store.Blobs.ClaimAsync(Alice, Hash(i), Png, folder.Time.GetUtcNow(), None),
                2 => store.Blobs.ClaimAsync(document, Hash(i), Png, folder.Time.GetUtcNow(), None),
                _ => store.Blobs.AddAsync(Alice, Hash(1000 + i), 100, Png, folder.Time.GetUtcNow(), None),
            },
            fitting: 10);
    }

    [Fact]
    public async Task Parallel_completions_of_one_upload_are_charged_once()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, 256);
        BlobUpload upload = folder.Upload(Alice, 1000);
        await store.Blobs.BeginUploadAsync(upload, 1, None);
        BlobUpload?[] completed = await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
            await store.Blobs.CompleteUploadAsync(upload.Id, Hash("x"), folder.Time.GetUtcNow(), None))));
        Assert.All(completed, u => Assert.Equal(upload with { Completed = new CompletedUpload(Hash("x"), false) }, u));
        Assert.Equal(1000, (await store.UsageAsync(Alice, None)).BlobBytes);
    }

    private static async Task<SqliteAccountStore> OpenAsync(AccountFolder folder, int groupMax)
    {
        SqliteAccountStore store = await SqliteAccountStore.OpenAsync(folder.Options with { GroupMax = groupMax });
        foreach (string user in new[] { Alice, Bob }) await store.SignInAsync(user, null, null, None);
        folder.SetLimits(Alice, 1099, 1000);
        return store;
    }

    private static async Task PassAsync(SqliteAccountStore store, AccountFolder folder, Func<int, ValueTask<RoomOutcome>> call, int fitting)
    {
        RoomOutcome[] outcomes = await AllAsync(call);
        Assert.Equal(Enumerable.Range(1, fitting).Select(i => i * 100L), outcomes.Where(o => o.Result == RoomResult.Done).Select(o => o.Current).Order());
        Assert.All(outcomes.Where(o => o.Result != RoomResult.Done), o => Assert.Equal(new RoomOutcome(RoomResult.QuotaExceeded, fitting * 100, 1099, null), o));
        Assert.Equal(fitting * 100, (await store.UsageAsync(Alice, None)).BlobBytes);
        using SqliteConnection raw = folder.Raw();
        Assert.Equal(0, Miscounted(raw));
    }

    private static Task<RoomOutcome[]> AllAsync(Func<int, ValueTask<RoomOutcome>> call) =>
        Task.WhenAll(Enumerable.Range(0, Callers).Select(i => Task.Run(async () => await call(i))));
}
