using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite;
using static Ratatoskr.Storage.Tests.Sqlite.AccountFolder;

namespace Ratatoskr.Storage.Tests.Sqlite;

public sealed class DocumentListTests
{
    private const string Alice = "oidc:alice";
    private const string Bob = "oidc:bob";
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Pages_of_owned_documents_join_to_all_of_them_newest_first()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        List<DocumentRecord> made = [];
        for (int i = 0; i < 25; i++)
        {
            // Every third is made in the same millisecond as the one before.
            if (i % 3 != 0) folder.Time.Advance(TimeSpan.FromMilliseconds(1));
            made.Add(i == 4 ? folder.App(Alice, "notes") : folder.Document(Alice, Reads(Bob)));
            await store.RegisterAsync(made[^1], 100, None);
            await store.RegisterAsync(folder.Document(Bob), 100, None);
        }

        await store.SetExpirationAsync(made[10].AutomergeId, folder.Time.GetUtcNow(), None);
        made.RemoveAt(10);
        made.Reverse();
        foreach (int limit in new[] { 1, 7, 24, 25, 1000 })
        {
            List<ListedRow> listed = [];
            string? cursor = null;
            do
            {
                ListedPages page = await store.ListOwnedAsync(Alice, new PageRequest(limit, cursor));
                Assert.InRange(page.Owned.Count, 1, limit);
                Assert.Empty(page.Accessible);
                listed.AddRange(page.Owned);
                cursor = page.Ends.Owned;
            }
            while (cursor is not null);
            Assert.Equal(made.Select(d => d.Id), listed.Select(d => d.Id));
        }

        Assert.Empty((await store.ListOwnedAsync("oidc:ghost", new PageRequest(5, null))).Owned);
    }

    [Fact]
    public async Task Both_lists_come_from_one_call_with_all_that_a_list_says()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        DocumentRecord own = folder.Document(Alice) with { Id = "own", Type = "é 𝄞", Size = long.MaxValue >> 1, ExpiresAt = folder.Time.GetUtcNow().AddDays(1) };
        DocumentRecord shared = folder.Document(Bob, Reads(Alice)) with { Id = "shared", Type = "" };
        foreach (DocumentRecord document in new[] { own, shared, folder.Document(Alice), folder.Document(Bob, Reads(Alice)) })
        {
            folder.Time.Advance(TimeSpan.FromMilliseconds(-1));           // older than those before, so that these two come first
            await store.RegisterAsync(document with { CreatedAt = folder.Time.GetUtcNow() }, 10, None);
        }

        await store.SetTypeAsync(own.AutomergeId, "é 𝄞", None);
        ListedPages pages = await store.ListAsync(Alice, new ListRequest(new PageRequest(1, null), new PageRequest(1, null), false));
        Assert.Equal(await RowAsync(store, own), Assert.Single(pages.Owned));
        Assert.Equal(await RowAsync(store, shared), Assert.Single(pages.Accessible));
        pages = await store.ListAsync(Alice, new ListRequest(new PageRequest(9, pages.Ends.Owned), new PageRequest(9, pages.Ends.Accessible), false));
        Assert.Equal((1, 1, new ListEnds(null, null)), (pages.Owned.Count, pages.Accessible.Count, pages.Ends));
        Assert.Null(pages.Owned[0].Type);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("1-")]
    [InlineData("1-2-3")]
    [InlineData("1-2 OR 1=1")]
    [InlineData("+1-2")]
    [InlineData("99999999999999999999-1")]
    public async Task A_cursor_that_is_none_of_ours_is_refused(string cursor)
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        Assert.False(PageCursor.TryParse(cursor, out _));
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.ListOwnedAsync(Alice, new PageRequest(5, cursor)));
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.ListAccessibleAsync(Alice, false, new PageRequest(5, cursor)));
    }

    [Fact]
    public async Task Accessible_are_direct_grants_without_own_app_expired_and_public_documents()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        DocumentRecord granted = folder.Document(Bob, Reads(Alice)), open = folder.Document(Bob, Reads("public")), both = folder.Document(Bob, Reads("public"), Reads(Alice));
        DocumentRecord expired = folder.Document(Bob, Reads(Alice)) with { ExpiresAt = folder.Time.GetUtcNow() };
        DocumentRecord own = folder.Document(Alice, Reads(Alice));
        foreach (DocumentRecord document in new[] { granted, open, both, expired, own, folder.Document(Bob, Reads("oidc:zoe")) }) await store.RegisterAsync(document, 100, None);
        await store.FindOrRegisterAppAsync(folder.App(Bob, "notes"), 100, None);

        Assert.Equal(Names(granted, both), Names(await store.ListAccessibleAsync(Alice, false, new PageRequest(100, null))));
        Assert.Equal(Names(granted, both, open), Names(await store.ListAccessibleAsync(Alice, true, new PageRequest(100, null))));
        ListedPages first = await store.ListAccessibleAsync(Alice, true, new PageRequest(2, null));
        ListedPages second = await store.ListAccessibleAsync(Alice, true, new PageRequest(2, first.Ends.Accessible));
        Assert.Null(second.Ends.Accessible);
        Assert.Equal(Names(granted, both, open), Names([.. first.Accessible, .. second.Accessible]));
    }

    [Fact]
    public async Task Ten_steps_lead_to_a_document_and_eleven_do_not()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        List<DocumentRecord> chain = [folder.Document(Bob, Reads(Alice)) with { Id = "group" }];
        for (int i = 0; i < 11; i++)
        {
            DocumentRecord before = chain[^1];
            chain.Add(folder.Document(Bob, Reads(i % 2 == 0 ? before.Id : before.AutomergeId.ToString())) with { Id = $"step{i}" });
        }

        // The lists name documents that are registered after them.
        for (int i = chain.Count - 1; i >= 0; i--) await store.RegisterAsync(chain[i], 100, None);
        Assert.Equal(Names([.. chain[..11]]), Names(await store.ListAccessibleAsync(Alice, false, new PageRequest(100, null))));
        IReadOnlyList<DocumentId> referrers = await store.ReferrersAsync(chain[0].AutomergeId, 100, None);
        Assert.Equal(chain[1..11].Select(d => d.AutomergeId.ToString()).Order(), referrers.Select(r => r.ToString()).Order());
        Assert.Equal(4, (await store.ReferrersAsync(chain[0].AutomergeId, 3, None)).Count);

        // A deleted document leads nowhere, and still tells who relied on it.
        await store.DeleteAsync(chain[5].AutomergeId, None);
        Assert.Equal(Names([.. chain[..5]]), Names(await store.ListAccessibleAsync(Alice, false, new PageRequest(100, null))));
        Assert.Equal(6, (await store.ReferrersAsync(chain[5].AutomergeId, 100, None)).Count);
        Assert.Empty(await store.ReferrersAsync(NewId(), 100, None));
    }

    [Fact]
    public async Task Lists_and_referrers_agree_with_the_slow_way_on_random_graphs()
    {
        const int seed = 20_261_121;
        Random random = new(seed);
        string[] users = [Alice, Bob, "oidc:carol", "oidc:dave"];
        for (int round = 0; round < 30; round++)
        {
            using AccountFolder folder = new();
            await using SqliteAccountStore store = await OpenAsync(folder, users);
            List<DocumentRecord> model = [];
            for (int i = 0; i < 14; i++)
            {
                DocumentRecord document = folder.Document(users[random.Next(4)]);
                if (random.Next(2) == 0) document = document with { Id = $"d{i}" };
                if (random.Next(8) == 0) document = document with { ExpiresAt = folder.Time.GetUtcNow().AddSeconds(random.Next(-1, 2)) };
                if (random.Next(8) == 0) document = folder.App(document.OwnerId, $"a{i}");
                model.Add(document);
            }

            // Lists are set before, at and after registration, and again; some documents go and come back.
            for (int step = 0; step < 60; step++)
            {
                int i = random.Next(model.Count);
                bool there = await store.FindDocumentAsync(model[i].AutomergeId, None) is not null;
                if (!model[i].IsApp) model[i] = model[i] with { Acl = RandomAcl(random, users, model) };
                if (!there) Assert.Equal(RegisterResult.Registered, (await store.RegisterAsync(model[i], 100, None)).Result);
                else if (random.Next(6) == 0) await store.DeleteAsync(model[i].AutomergeId, None);
                else if (!model[i].IsApp) await store.SetAclAsync(model[i].AutomergeId, model[i].Acl, null, None);
            }

            List<DocumentRecord> stored = [];
            foreach (DocumentRecord document in model)
            {
                if (await store.FindDocumentAsync(document.AutomergeId, None) is { } found) stored.Add(found);
            }

            foreach (bool includePublic in new[] { false, true })
            {
                foreach (string user in users)
                {
                    DocumentRecord[] expected = [.. stored.Where(d => d.OwnerId != user && Reaches(stored, user, d, includePublic, folder.Time.GetUtcNow(), 0, []))];
                    string[] listed = Names(await store.ListAccessibleAsync(user, includePublic, new PageRequest(100, null)));
                    Assert.True(Names(expected).SequenceEqual(listed), $"seed {seed}, round {round}, {user}, public {includePublic}");
                }
            }

            foreach (DocumentRecord document in stored)
            {
                HashSet<DocumentId> expected = [.. Referring(stored, document).Select(d => d.AutomergeId)];
                expected.Remove(document.AutomergeId);
                IReadOnlyList<DocumentId> told = await store.ReferrersAsync(document.AutomergeId, 100, None);
                Assert.Equal(told.Count, told.Distinct().Count());
                Assert.True(expected.SetEquals(told), $"seed {seed}, round {round}, referrers of {document.Id}");
            }
        }
    }

    [Fact]
    public async Task Changes_count_versions_and_notice_that_others_were_first()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        DocumentRecord document = folder.Document(Alice);
        await store.RegisterAsync(document, 10, None);
        folder.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(ChangeOutcome.Changed, await store.SetAclAsync(document.AutomergeId, [Reads(Bob)], 1, None));
        Assert.Equal(ChangeOutcome.Moved, await store.SetAclAsync(document.AutomergeId, [], 1, None));
        Assert.Equal(ChangeOutcome.Changed, await store.SetTypeAsync(document.AutomergeId, "t", None));
        Assert.Equal(ChangeOutcome.Changed, await store.SetExpirationAsync(document.AutomergeId, folder.Time.GetUtcNow().AddDays(1), None));
        DocumentRecord now = (await store.FindDocumentAsync(document.Id, None))!;
        Assert.Equal((4L, "t", folder.Time.GetUtcNow(), folder.Time.GetUtcNow().AddDays(1)), (now.Version, now.Type, now.UpdatedAt, now.ExpiresAt!.Value));
        Assert.Equal(Reads(Bob), Assert.Single(now.Acl));
        Assert.Equal(ChangeOutcome.NotFound, await store.SetAclAsync(NewId(), [], null, None));
        Assert.Equal(ChangeOutcome.NotFound, await store.SetTypeAsync(NewId(), null, None));
        Assert.Equal(ChangeOutcome.NotFound, await store.SetExpirationAsync(NewId(), null, None));
        ChangeOutcome[] race = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => store.SetAclAsync(document.AutomergeId, [Reads(Bob)], 4, None).AsTask()));
        Assert.Single(race, ChangeOutcome.Changed);
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.SetAclAsync(document.AutomergeId, [Reads(Bob), Reads(Bob)], null, None));
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.SetAclAsync(document.AutomergeId, [new(Bob, Permission.None)], null, None));
    }

    [Fact]
    public async Task Expired_documents_are_told_oldest_first()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        DateTimeOffset now = folder.Time.GetUtcNow();
        DocumentRecord[] documents = [.. new[] { 5, -3, 0, -7 }.Select(s => folder.Document(Alice) with { ExpiresAt = now.AddSeconds(s) }), folder.Document(Alice)];
        foreach (DocumentRecord document in documents) await store.RegisterAsync(document, 10, None);
        Assert.Equal([documents[3].Id, documents[1].Id, documents[2].Id], (await store.ExpiredAsync(now, 10, None)).Select(d => d.Id));
        Assert.Equal([documents[3].Id], (await store.ExpiredAsync(now, 1, None)).Select(d => d.Id));
    }

    private static AclEntry[] RandomAcl(Random random, string[] users, List<DocumentRecord> documents)
    {
        HashSet<string> principals = [];
        for (int i = random.Next(4); i > 0; i--)
        {
            DocumentRecord named = documents[random.Next(documents.Count)];
            principals.Add(random.Next(8) switch
            {
                0 => users[random.Next(users.Length)],
                1 => random.Next(3) == 0 ? "public" : "oidc:stranger",
                < 5 => named.Id,
                _ => named.AutomergeId.ToString(),
            });
        }

        return [.. principals.Select(p => new AclEntry(p, random.Next(2) == 0 ? Permission.Read : Permission.Read | Permission.Write))];
    }

    // What spec/original-contract says of access lists, done as it is said. An app document's id means nothing to others.
    private static bool Reaches(List<DocumentRecord> all, string user, DocumentRecord document, bool includePublic, DateTimeOffset now, int depth, HashSet<DocumentId> path)
    {
        if (document.ExpiresAt <= now || !path.Add(document.AutomergeId)) return false;
        try
        {
            return document.OwnerId == user || document.Acl.Any(entry => entry.Principal == user || (includePublic && entry.Principal == "public")
                || (depth < 10 && Named(all, entry.Principal) is { } via && Reaches(all, user, via, includePublic, now, depth + 1, path)));
        }
        finally
        {
            path.Remove(document.AutomergeId);
        }
    }

    private static HashSet<DocumentRecord> Referring(List<DocumentRecord> all, DocumentRecord document)
    {
        HashSet<DocumentRecord> told = [];
        List<DocumentRecord> edge = [document];
        for (int step = 0; step < 10; step++)
        {
            edge = [.. all.Where(d => d.Acl.Any(entry => Named(all, entry.Principal) is { } named && edge.Contains(named)))];
            told.UnionWith(edge);
        }

        return told;
    }

    private static DocumentRecord? Named(List<DocumentRecord> all, string name) =>
        all.Find(d => d.AutomergeId.ToString() == name || (!d.IsApp && d.Id == name));

    private static async Task<ListedRow> RowAsync(SqliteAccountStore store, DocumentRecord document)
    {
        DocumentRecord found = (await store.FindDocumentAsync(document.AutomergeId, None))!;
        return new ListedRow(
            found.Id,
            found.AutomergeId.ToString(),
            found.OwnerId,
            found.Type,
            found.Size,
            found.ExpiresAt?.ToUnixTimeMilliseconds(),
            found.CreatedAt.ToUnixTimeMilliseconds(),
            found.UpdatedAt.ToUnixTimeMilliseconds());
    }

    private static string[] Names(ListedPages pages) => Names(pages.Accessible);

    private static string[] Names(IEnumerable<ListedRow> rows) => [.. rows.Select(row => row.AutomergeId).Order(StringComparer.Ordinal)];

    private static string[] Names(params DocumentRecord[] documents) => [.. documents.Select(d => d.AutomergeId.ToString()).Order(StringComparer.Ordinal)];
}
