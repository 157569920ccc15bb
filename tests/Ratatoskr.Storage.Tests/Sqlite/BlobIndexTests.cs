using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite;
using static Ratatoskr.Storage.Tests.Sqlite.AccountFolder;
using static Ratatoskr.Storage.Tests.Sqlite.BlobFolder;

namespace Ratatoskr.Storage.Tests.Sqlite;

public sealed class BlobIndexTests
{
    private const string Alice = "oidc:alice";
    private const string Bob = "oidc:bob";
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task An_upload_reserves_until_it_is_a_claim()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        BlobUpload upload = folder.Upload(Alice, 3000) with { ExpectedHash = Hash("file") };
        Assert.Equal(new RoomOutcome(RoomResult.Done, 3000, Quotas.MaxBlobStorage, null), await store.Blobs.BeginUploadAsync(upload, 10, None));
        Assert.Equal(upload, await store.Blobs.FindUploadAsync(upload.Id, None));
        Assert.Equal([upload.Id], await store.Blobs.OpenUploadsAsync(None));
        Assert.Equal(new UserUsage(0, 0, 3000), await store.UsageAsync(Alice, None));
        Assert.Null(await store.Blobs.FindAsync(Hash("file"), None));

        folder.Time.Advance(TimeSpan.FromMinutes(1));
        DateTimeOffset now = folder.Time.GetUtcNow();
        BlobUpload completed = upload with { Completed = new CompletedUpload(Hash("file"), false) };
        Assert.Equal(completed, await store.Blobs.CompleteUploadAsync(upload.Id, Hash("file"), now, None));
        Assert.Equal(completed, await store.Blobs.CompleteUploadAsync(upload.Id, Hash("file"), now.AddMinutes(1), None));
        Assert.Equal(completed, await store.Blobs.FindUploadAsync(upload.Id, None));
        Assert.Empty(await store.Blobs.OpenUploadsAsync(None));
        Assert.Equal(new BlobRecord(Hash("file"), 3000, Png, now), await store.Blobs.FindAsync(Hash("file"), None));
        Assert.Equal(new BlobClaim(Hash("file"), 3000, Png, now), await store.Blobs.FindClaimAsync(Alice, Hash("file"), None));
        Assert.Equal(3000, (await store.UsageAsync(Alice, None)).BlobBytes);

        Assert.True(await store.Blobs.EndUploadAsync(upload.Id, None));
        Assert.False(await store.Blobs.EndUploadAsync(upload.Id, None));
        Assert.Null(await store.Blobs.CompleteUploadAsync(upload.Id, Hash("file"), now, None));
        Assert.Equal(3000, (await store.UsageAsync(Alice, None)).BlobBytes);
    }

    [Fact]
    public async Task An_upload_of_what_the_user_has_is_charged_once()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        BlobUpload first = folder.Upload(Alice, 100), again = folder.Upload(Alice, 100), others = folder.Upload(Bob, 100) with { MimeType = "text/plain" };
        foreach (BlobUpload upload in new[] { first, again, others }) await store.Blobs.BeginUploadAsync(upload, 10, None);
        Assert.Equal(200, (await store.UsageAsync(Alice, None)).BlobBytes);
        Assert.False((await store.Blobs.CompleteUploadAsync(first.Id, Hash("x"), folder.Time.GetUtcNow(), None))!.Completed!.Deduplicated);
        Assert.True((await store.Blobs.CompleteUploadAsync(again.Id, Hash("x"), folder.Time.GetUtcNow(), None))!.Completed!.Deduplicated);
        Assert.False((await store.Blobs.CompleteUploadAsync(others.Id, Hash("x"), folder.Time.GetUtcNow(), None))!.Completed!.Deduplicated);
        Assert.Equal(100, (await store.UsageAsync(Alice, None)).BlobBytes);
        Assert.Equal(100, (await store.UsageAsync(Bob, None)).BlobBytes);
        Assert.Equal("text/plain", (await store.Blobs.FindClaimAsync(Bob, Hash("x"), None))!.MimeType);
        Assert.Equal(Png, (await store.Blobs.FindAsync(Hash("x"), None))!.MimeType);
    }

    [Fact]
    public async Task An_upload_that_does_not_fit_is_refused_with_what_was_passed()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        folder.SetLimits(Alice, 1000, 600);
        Assert.Equal(new RoomOutcome(RoomResult.NotFound, 0, 0, null), await store.Blobs.BeginUploadAsync(folder.Upload("oidc:nobody", 1), 10, None));
        Assert.Equal(new RoomOutcome(RoomResult.TooLarge, 0, 600, null), await store.Blobs.BeginUploadAsync(folder.Upload(Alice, 601), 10, None));
        Assert.Equal(RoomResult.TooLarge, (await store.Blobs.BeginUploadAsync(folder.Upload(Alice, long.MaxValue), 10, None)).Result);
        BlobUpload upload = folder.Upload(Alice, 600);
        Assert.Equal(RoomResult.Done, (await store.Blobs.BeginUploadAsync(upload, 2, None)).Result);
        Assert.Equal(new RoomOutcome(RoomResult.QuotaExceeded, 600, 1000, null), await store.Blobs.BeginUploadAsync(folder.Upload(Alice, 401), 2, None));
        Assert.Equal(RoomResult.Done, (await store.Blobs.BeginUploadAsync(folder.Upload(Alice, 400), 2, None)).Result);
        Assert.Equal(new RoomOutcome(RoomResult.TooManyUploads, 2, 2, null), await store.Blobs.BeginUploadAsync(folder.Upload(Alice, 1), 2, None));
        await store.Blobs.EndUploadAsync(upload.Id, None);
        Assert.Equal(RoomResult.Done, (await store.Blobs.BeginUploadAsync(folder.Upload(Alice, 600), 2, None)).Result);
        folder.SetLimits(Alice, null, null);
        Assert.Equal(RoomResult.Done, (await store.Blobs.BeginUploadAsync(folder.Upload(Alice, 1 << 30), 3, None)).Result);
        Assert.Equal(new RoomOutcome(RoomResult.TooLarge, 1000 + (1 << 30), 1 << 30, null), await store.Blobs.BeginUploadAsync(folder.Upload(Alice, (1 << 30) + 1), 4, None));
    }

    [Fact]
    public async Task A_completed_upload_is_no_longer_under_way_but_expires()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        BlobUpload done = folder.Upload(Alice, 1);
        BlobUpload late = folder.Upload(Alice, 1) with { ExpiresAt = folder.Time.GetUtcNow().AddHours(30) };
        await store.Blobs.BeginUploadAsync(done, 1, None);
        await store.Blobs.CompleteUploadAsync(done.Id, Hash("x"), folder.Time.GetUtcNow(), None);
        Assert.Equal(RoomResult.Done, (await store.Blobs.BeginUploadAsync(late, 1, None)).Result);
        Assert.Empty(await store.Blobs.ExpiredUploadsAsync(done.ExpiresAt.AddMilliseconds(-1), 10, None));
        Assert.Equal([done.Id], await store.Blobs.ExpiredUploadsAsync(done.ExpiresAt, 10, None));
        Assert.Equal([done.Id, late.Id], await store.Blobs.ExpiredUploadsAsync(late.ExpiresAt, 10, None));
        Assert.Equal([done.Id], await store.Blobs.ExpiredUploadsAsync(late.ExpiresAt, 1, None));
    }

    [Fact]
    public async Task Adding_in_one_go_claims_or_says_why_not()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        folder.SetLimits(Alice, 1000, 600);
        DateTimeOffset now = folder.Time.GetUtcNow();
        BlobClaim claim = new(Hash("x"), 600, Png, now);
        Assert.Equal(RoomResult.NotFound, (await store.Blobs.AddAsync("oidc:nobody", Hash("x"), 1, Png, now, None)).Result);
        Assert.Equal(new RoomOutcome(RoomResult.TooLarge, 0, 600, null), await store.Blobs.AddAsync(Alice, Hash("x"), 601, Png, now, None));
        Assert.Equal(new RoomOutcome(RoomResult.Done, 600, 1000, claim), await store.Blobs.AddAsync(Alice, Hash("x"), 600, Png, now, None));
        Assert.Equal(new RoomOutcome(RoomResult.AlreadyClaimed, 600, 1000, claim), await store.Blobs.AddAsync(Alice, Hash("x"), 600, "text/plain", now.AddDays(1), None));
        Assert.Equal(new RoomOutcome(RoomResult.QuotaExceeded, 600, 1000, null), await store.Blobs.AddAsync(Alice, Hash("y"), 401, Png, now, None));
        Assert.Null(await store.Blobs.FindAsync(Hash("y"), None));
    }

    [Fact]
    public async Task A_user_and_a_document_claim_a_blob_and_both_are_charged()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        folder.SetLimits(Bob, 150, 1);          // a limit on his uploads
        DocumentId document = await folder.RegisterAsync(store, Bob), other = await folder.RegisterAsync(store, Bob);
        DateTimeOffset now = folder.Time.GetUtcNow();
        Assert.Equal(RoomResult.NotFound, (await store.Blobs.ClaimAsync(Bob, Hash("x"), Png, now, None)).Result);
        Assert.Equal(RoomResult.NotFound, (await store.Blobs.ClaimAsync(document, Hash("x"), Png, now, None)).Result);
        await store.Blobs.AddAsync(Alice, Hash("x"), 100, Png, now, None);
        Assert.Equal(RoomResult.NotFound, (await store.Blobs.ClaimAsync("oidc:nobody", Hash("x"), Png, now, None)).Result);
        Assert.Equal(RoomResult.NotFound, (await store.Blobs.ClaimAsync(NewId(), Hash("x"), Png, now, None)).Result);

        BlobClaim claim = new(Hash("x"), 100, "text/plain", now);
        Assert.Equal(new RoomOutcome(RoomResult.Done, 100, 150, claim), await store.Blobs.ClaimAsync(document, Hash("x"), "text/plain", now, None));
        Assert.Equal(new RoomOutcome(RoomResult.AlreadyClaimed, 100, 150, claim), await store.Blobs.ClaimAsync(document, Hash("x"), Png, now.AddDays(1), None));
        Assert.Equal(new RoomOutcome(RoomResult.QuotaExceeded, 100, 150, null), await store.Blobs.ClaimAsync(Bob, Hash("x"), Png, now, None));
        Assert.Equal(new RoomOutcome(RoomResult.QuotaExceeded, 100, 150, null), await store.Blobs.ClaimAsync(other, Hash("x"), Png, now, None));
        folder.SetLimits(Bob, 300, 1);
        Assert.Equal(new RoomOutcome(RoomResult.Done, 200, 300, claim), await store.Blobs.ClaimAsync(Bob, Hash("x"), "text/plain", now, None));
        Assert.Equal(new RoomOutcome(RoomResult.AlreadyClaimed, 200, 300, claim), await store.Blobs.ClaimAsync(Bob, Hash("x"), Png, now, None));
        Assert.Equal(RoomResult.Done, (await store.Blobs.ClaimAsync(other, Hash("x"), Png, now, None)).Result);
        Assert.Equal(300, (await store.UsageAsync(Bob, None)).BlobBytes);
        Assert.Equal(100, (await store.UsageAsync(Alice, None)).BlobBytes);

        IReadOnlyList<BlobHolder> holders = await store.Blobs.HoldersAsync(Hash("x"), 0, 10, None);
        Assert.Equal([(document, Bob, "text/plain"), (other, Bob, Png)], holders.Select(h => (h.Document, h.OwnerId, h.MimeType)));
        Assert.Equal(holders.Skip(1), await store.Blobs.HoldersAsync(Hash("x"), holders[0].Row, 10, None));
        Assert.Equal(holders.Take(1), await store.Blobs.HoldersAsync(Hash("x"), 0, 1, None));
    }

    [Fact]
    public async Task The_last_release_starts_the_clock_and_a_claim_stops_it()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        DateTimeOffset now = folder.Time.GetUtcNow(), day = now.AddDays(1);
        await store.Blobs.AddAsync(Alice, Hash("x"), 100, Png, now, None);
        await store.Blobs.ClaimAsync(Bob, Hash("x"), Png, now, None);
        Assert.False(await store.Blobs.ReleaseAsync(Alice, Hash("y"), now, None));
        Assert.True(await store.Blobs.ReleaseAsync(Alice, Hash("x"), now, None));
        Assert.False(await store.Blobs.ReleaseAsync(Alice, Hash("x"), now, None));
        Assert.Equal(0, (await store.UsageAsync(Alice, None)).BlobBytes);
        Assert.Empty(await store.Blobs.UnclaimedAsync(day, 10, None));
        Assert.False(await store.Blobs.ForgetAsync(Hash("x"), day, None));

        Assert.True(await store.Blobs.ReleaseAsync(Bob, Hash("x"), now.AddHours(1), None));
        Assert.Empty(await store.Blobs.UnclaimedAsync(now.AddMinutes(59), 10, None));
        Assert.False(await store.Blobs.ForgetAsync(Hash("x"), now.AddMinutes(59), None));
        Assert.Equal([Hash("x")], await store.Blobs.UnclaimedAsync(now.AddHours(1), 10, None));
        Assert.Equal(RoomResult.Done, (await store.Blobs.ClaimAsync(Bob, Hash("x"), Png, now.AddHours(2), None)).Result);
        Assert.Empty(await store.Blobs.UnclaimedAsync(day, 10, None));
        Assert.False(await store.Blobs.ForgetAsync(Hash("x"), day, None));

        await store.Blobs.ReleaseAsync(Bob, Hash("x"), now.AddHours(3), None);
        Assert.True(await store.Blobs.ForgetAsync(Hash("x"), day, None));
        Assert.False(await store.Blobs.ForgetAsync(Hash("x"), day, None));
        Assert.Null(await store.Blobs.FindAsync(Hash("x"), None));
    }

    [Fact]
    public async Task A_deleted_document_lets_go_of_its_blobs_and_its_owner_gets_his_room_back()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        DocumentId document = await folder.RegisterAsync(store, Bob);
        DateTimeOffset now = folder.Time.GetUtcNow();
        foreach (string name in new[] { "kept", "gone" })
        {
            await store.Blobs.AddAsync(Alice, Hash(name), 100, Png, now, None);
            await store.Blobs.ClaimAsync(document, Hash(name), Png, now, None);
        }

        await store.Blobs.ReleaseAsync(Alice, Hash("gone"), now, None);
        Assert.Equal(200, (await store.UsageAsync(Bob, None)).BlobBytes);
        Assert.Equal(2, (await store.Blobs.ListAsync(document, 10, 0, None)).Total);

        folder.Time.Advance(TimeSpan.FromHours(5));
        Assert.Equal(ChangeOutcome.Changed, await store.DeleteAsync(document, None));
        Assert.Equal(new UserUsage(0, 0, 0), await store.UsageAsync(Bob, None));
        Assert.Empty(await store.Blobs.HoldersAsync(Hash("kept"), 0, 10, None));
        Assert.Empty(await store.Blobs.UnclaimedAsync(now.AddHours(4), 10, None));
        Assert.Equal([Hash("gone")], await store.Blobs.UnclaimedAsync(now.AddHours(5), 10, None));
        Assert.Equal(RoomResult.NotFound, (await store.Blobs.ClaimAsync(document, Hash("kept"), Png, now, None)).Result);
        Assert.False(await store.Blobs.ReleaseAsync(document, Hash("kept"), now, None));
        Assert.Equal((0, 0, 0), await TotalsAsync(store.Blobs.ListAsync(document, 10, 0, None)));
    }

    [Fact]
    public async Task Lists_are_newest_first_with_totals_of_all_pages()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        DocumentId document = await folder.RegisterAsync(store, Alice);
        DateTimeOffset now = folder.Time.GetUtcNow();
        for (int i = 1; i <= 5; i++)
        {
            await store.Blobs.AddAsync(Alice, Hash(i), i, Png, now.AddSeconds(i), None);
            await store.Blobs.ClaimAsync(document, Hash(i), "text/plain", now.AddSeconds(-i), None);
        }

        await store.Blobs.ReleaseAsync(document, Hash(5), now, None);
        await store.Blobs.BeginUploadAsync(folder.Upload(Alice, 1000), 1, None);
        BlobPage page = await store.Blobs.ListAsync(Alice, 2, 1, None);
        Assert.Equal([new BlobClaim(Hash(4), 4, Png, now.AddSeconds(4)), new BlobClaim(Hash(3), 3, Png, now.AddSeconds(3))], page.Claims);
        Assert.Equal((5, 15, 1025), (page.Total, page.TotalSize, page.QuotaUsed));
        page = await store.Blobs.ListAsync(document, 3, 2, None);
        Assert.Equal([new BlobClaim(Hash(3), 3, "text/plain", now.AddSeconds(-3)), new BlobClaim(Hash(4), 4, "text/plain", now.AddSeconds(-4))], page.Claims);
        Assert.Equal((4, 10, 0), (page.Total, page.TotalSize, page.QuotaUsed));
        Assert.Empty((await store.Blobs.ListAsync(Alice, 2, 5, None)).Claims);
        Assert.Equal((0, 0, 0), await TotalsAsync(store.Blobs.ListAsync("oidc:nobody", 2, 0, None)));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await store.Blobs.ListAsync(Alice, -1, 0, None));
    }

    [Fact]
    public async Task All_blobs_are_told_page_by_page_in_order()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        await Task.WhenAll(Enumerable.Range(0, 25).Select(i => store.Blobs.AddAsync(Alice, Hash(i), 1, Png, folder.Time.GetUtcNow(), None).AsTask()));
        List<BlobHash> seen = [];
        BlobHash? after = null;
        while (await store.Blobs.PageAsync(after, 10, None) is { Count: > 0 } page)
        {
            seen.AddRange(page.Select(b => b.Hash));
            after = page[^1].Hash;
        }

        Assert.Equal(Enumerable.Range(0, 25).Select(i => Hash(i).ToString()).Order(StringComparer.Ordinal), seen.Select(h => h.ToString()));
    }

    private static async Task<(long Total, long TotalSize, long QuotaUsed)> TotalsAsync(ValueTask<BlobPage> list)
    {
        BlobPage page = await list;
        Assert.Empty(page.Claims);
        return (page.Total, page.TotalSize, page.QuotaUsed);
    }
}
