using Microsoft.Data.Sqlite;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Sqlite;
using static Ratatoskr.Storage.Tests.Sqlite.AccountFolder;

namespace Ratatoskr.Storage.Tests.Sqlite;

public sealed class UserTests
{
    private const string Alice = "oidc:alice";
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task The_first_sign_in_makes_the_user_and_later_ones_change_what_he_is_called()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder);
        Assert.Null(await store.FindUserAsync(Alice, None));
        UserRecord first = await store.SignInAsync(Alice, "a@example.com", "Alice", None);
        Assert.Equal(new UserRecord(Alice, "a@example.com", "Alice", first.UserDocument, Quotas, folder.Time.GetUtcNow(), folder.Time.GetUtcNow()), first);
        Assert.False(first.UserDocument.IsDefault);
        folder.Time.Advance(TimeSpan.FromHours(1));
        UserRecord second = await store.SignInAsync(Alice, null, "Alice L.", None);
        Assert.Equal(first with { Email = null, Name = "Alice L.", UpdatedAt = folder.Time.GetUtcNow() }, second);
        Assert.Equal(second, await store.FindUserAsync(Alice, None));
        Assert.NotEqual(first.UserDocument, (await store.SignInAsync("oidc:bob", null, null, None)).UserDocument);
    }

    [Fact]
    public async Task Parallel_first_sign_ins_make_one_user()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder);
        UserRecord[] users = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => store.SignInAsync(Alice, null, null, None).AsTask()));
        Assert.Single(users.Select(u => u.UserDocument).Distinct());
    }

    [Fact]
    public async Task A_user_document_gets_an_id_that_nothing_else_has()
    {
        using AccountFolder folder = new();
        Ratatoskr.Protocol.Identifiers.DocumentId taken = NewId(), free = NewId();
        Queue<Ratatoskr.Protocol.Identifiers.DocumentId> ids = new([taken, taken, free, free, free, free]);
        await using SqliteAccountStore store = await SqliteAccountStore.OpenAsync(folder.Options with { NewDocumentId = ids.Dequeue });
        Assert.Equal(taken, (await store.SignInAsync(Alice, null, null, None)).UserDocument);
        Assert.Equal(free, (await store.SignInAsync("oidc:bob", null, null, None)).UserDocument);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await store.SignInAsync("oidc:carol", null, null, None));
        Assert.Null(await store.FindUserAsync("oidc:carol", None));
    }

    [Fact]
    public async Task Quotas_of_his_own_go_before_the_settings()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        using (SqliteConnection other = new($"Data Source={folder.File};Pooling=False"))
        {
            other.Open();
            using SqliteCommand update = other.CreateCommand();
            update.CommandText = "UPDATE users SET max_documents = 3, max_blob_size = 0";
            update.ExecuteNonQuery();
        }

        Assert.Equal(Quotas with { MaxDocuments = 3, MaxBlobSize = 0 }, (await store.FindUserAsync(Alice, None))!.Quotas);
    }

    [Fact]
    public async Task Usage_follows_sizes_and_deletions()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        DocumentRecord[] documents = [.. Enumerable.Range(0, 2500).Select(_ => folder.Document(Alice))];
        await Task.WhenAll(documents.Select(d => store.RegisterAsync(d, 10_000, None).AsTask()));
        DateTimeOffset later = folder.Time.GetUtcNow().AddMinutes(1);
        await store.RecordSizesAsync([.. documents.Select((d, i) => new StoredSize(d.AutomergeId, i, later))], None);
        await store.RecordSizesAsync([new StoredSize(documents[7].AutomergeId, 1_000_007, later.AddDays(-1)), new StoredSize(NewId(), 5, later)], None);
        Assert.Equal(new UserUsage(2500, (2500 * 2499 / 2) + 1_000_000), await store.UsageAsync(Alice, None));
        DocumentRecord seventh = (await store.FindDocumentAsync(documents[7].AutomergeId, None))!;
        Assert.Equal((1_000_007L, later, 1L), (seventh.Size, seventh.UpdatedAt, seventh.Version));
        await store.DeleteAsync(documents[7].AutomergeId, None);
        Assert.Equal(new UserUsage(2499, (2500 * 2499 / 2) - 7), await store.UsageAsync(Alice, None));
        Assert.Equal(new UserUsage(0, 0), await store.UsageAsync("oidc:ghost", None));
    }

    [Fact]
    public async Task A_session_lives_until_it_is_ended_or_over()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        DateTimeOffset now = folder.Time.GetUtcNow();
        SessionRecord session = new("s1", Alice, now, now.AddDays(30), null);
        await store.AddSessionAsync(session, None);
        await store.AddSessionAsync(session with { Id = "s2" }, None);
        Assert.Equal(session, await store.FindSessionAsync("s1", None));
        Assert.True(await store.EndSessionAsync("s1", None));
        Assert.False(await store.EndSessionAsync("s1", None));
        Assert.False(await store.EndSessionAsync("nothing", None));
        Assert.Equal(session with { EndedAt = now }, await store.FindSessionAsync("s1", None));
        folder.Time.Advance(TimeSpan.FromDays(30));
        Assert.False(await store.EndSessionAsync("s2", None));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await store.AddSessionAsync(session, None));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await store.AddSessionAsync(session with { Id = "s3", UserId = "oidc:ghost" }, None));
    }

    [Fact]
    public async Task A_token_is_found_by_its_hash_and_removed_by_its_user_only()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, "oidc:bob");
        DateTimeOffset now = folder.Time.GetUtcNow();
        TokenRecord all = new("t1", Alice, "all", null, now, null, null);
        TokenRecord some = new("t2", Alice, "some", ["read", "doc:a\"b"], now.AddSeconds(1), now.AddDays(1), null);
        TokenRecord none = new("t3", Alice, "none", [], now.AddSeconds(2), null, null);
        await store.AddTokenAsync(all, new byte[] { 1, 2 }, None);
        await store.AddTokenAsync(some, new byte[] { 1, 3 }, None);
        await store.AddTokenAsync(none, new byte[] { 1, 4 }, None);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await store.AddTokenAsync(all with { Id = "t4" }, new byte[] { 1, 2 }, None));

        Assert.Equal(all, await store.FindTokenAsync(new byte[] { 1, 2 }, None));
        Assert.Equal(["read", "doc:a\"b"], (await store.FindTokenAsync(new byte[] { 1, 3 }, None))!.Scopes!);
        Assert.Empty((await store.FindTokenAsync(new byte[] { 1, 4 }, None))!.Scopes!);
        Assert.Null(await store.FindTokenAsync(new byte[] { 1 }, None));
        Assert.Equal(["t3", "t2", "t1"], (await store.ListTokensAsync(Alice, None)).Select(t => t.Id));
        Assert.Empty(await store.ListTokensAsync("oidc:bob", None));

        Assert.False(await store.RemoveTokenAsync("oidc:bob", "t1", None));
        Assert.True(await store.RemoveTokenAsync(Alice, "t1", None));
        Assert.False(await store.RemoveTokenAsync(Alice, "t1", None));
        Assert.Null(await store.FindTokenAsync(new byte[] { 1, 2 }, None));
    }

    [Fact]
    public async Task The_last_use_of_a_token_is_written_at_the_latest_when_the_store_closes()
    {
        using AccountFolder folder = new();
        DateTimeOffset now = folder.Time.GetUtcNow();
        await using (SqliteAccountStore store = await OpenAsync(folder, Alice))
        {
            await store.AddTokenAsync(new("t", Alice, "t", null, now, null, null), new byte[] { 1 }, None);
            store.TokenUsed("t", now.AddMinutes(2));
            store.TokenUsed("t", now.AddMinutes(1));
            store.TokenUsed("gone", now);
        }

        await using (SqliteAccountStore store = await SqliteAccountStore.OpenAsync(folder.Options with { TokenUseInterval = TimeSpan.FromMilliseconds(1) }))
        {
            Assert.Equal(now.AddMinutes(2), (await store.FindTokenAsync(new byte[] { 1 }, None))!.LastUsedAt);
            store.TokenUsed("t", now.AddMinutes(3));
            while ((await store.FindTokenAsync(new byte[] { 1 }, None))!.LastUsedAt != now.AddMinutes(3)) await Task.Yield();
        }
    }

    [Fact]
    public async Task Swept_are_credentials_that_ended_before()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        DateTimeOffset now = folder.Time.GetUtcNow();
        await Task.WhenAll(Enumerable.Range(0, 2100).Select(i => store.AddSessionAsync(new($"old{i}", Alice, now, now.AddSeconds(1), null), None).AsTask()));
        await store.AddSessionAsync(new("ended", Alice, now, now.AddDays(30), null), None);
        await store.EndSessionAsync("ended", None);
        await store.AddSessionAsync(new("lives", Alice, now, now.AddDays(30), null), None);
        await store.AddTokenAsync(new("over", Alice, "", null, now, now.AddSeconds(1), null), new byte[] { 1 }, None);
        await store.AddTokenAsync(new("good", Alice, "", null, now, now.AddDays(1), null), new byte[] { 2 }, None);
        await store.AddTokenAsync(new("eternal", Alice, "", null, now, null, null), new byte[] { 3 }, None);
        await store.SweepCredentialsAsync(now.AddMinutes(1), None);
        Assert.Null(await store.FindSessionAsync("old0", None));
        Assert.Null(await store.FindSessionAsync("old2099", None));
        Assert.Null(await store.FindSessionAsync("ended", None));
        Assert.NotNull(await store.FindSessionAsync("lives", None));
        Assert.Equal(["eternal", "good"], (await store.ListTokensAsync(Alice, None)).Select(t => t.Id).Order());
    }
}
