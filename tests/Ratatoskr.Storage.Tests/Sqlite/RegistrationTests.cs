using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite;
using static Ratatoskr.Storage.Tests.Sqlite.AccountFolder;

namespace Ratatoskr.Storage.Tests.Sqlite;

public sealed class RegistrationTests
{
    private const string Alice = "oidc:alice";
    private const string Bob = "oidc:bob";
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Register_then_find_by_every_name_gives_what_was_registered()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        DocumentRecord document = folder.Document(Alice, Reads("oidc:zoe"), new("public", Permission.Read | Permission.Write), Reads("oidc:adam")) with
        {
            Id = "doc:0b5ae0d3-3a2e-4f2e-8c0b-8bb2fd2f0f5e",
            Type = "notes",
            ExpiresAt = folder.Time.GetUtcNow().AddDays(1),
        };
        RegisterOutcome outcome = await store.RegisterAsync(document, 10, None);
        Assert.Equal((RegisterResult.Registered, 1L), (outcome.Result, outcome.Current));
        foreach (DocumentRecord? found in new[]
        {
            outcome.Document, await store.FindDocumentAsync(document.Id, None), await store.FindDocumentAsync(document.AutomergeId.ToString(), None),
            await store.FindDocumentAsync(document.AutomergeId, None),
        })
        {
            Assert.NotNull(found);
            Assert.Equal(document.Acl, found.Acl);
            Assert.Equal(document with { Acl = [] }, found with { Acl = [] });
        }

        Assert.Null(await store.FindDocumentAsync("doc:another", None));
        Assert.Null(await store.FindDocumentAsync(NewId(), None));
        Assert.Null(await store.FindDocumentAsync("' OR 1=1 --", None));
    }

    [Fact]
    public async Task Register_under_any_name_of_another_document_is_refused()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        DocumentRecord first = folder.Document(Alice) with { Id = "slug" };
        DocumentRecord named = folder.Document(Alice);
        named = named with { Id = NewId().ToString() };
        Assert.Equal(RegisterResult.Registered, (await store.RegisterAsync(first, 10, None)).Result);
        Assert.Equal(RegisterResult.Registered, (await store.RegisterAsync(named, 10, None)).Result);

        async Task<RegisterResult> TryAsync(string owner, string id, DocumentId automergeId) =>
            (await store.RegisterAsync(folder.Document(owner) with { Id = id, AutomergeId = automergeId }, 10, None)).Result;

        DocumentId idOfNamed = DocumentId.FromTrusted(System.Text.Encoding.ASCII.GetBytes(named.Id));
        foreach (string owner in new[] { Alice, Bob })
        {
            Assert.Equal(RegisterResult.IdTaken, await TryAsync(owner, "slug", NewId()));
            Assert.Equal(RegisterResult.IdTaken, await TryAsync(owner, first.AutomergeId.ToString(), NewId()));
            Assert.Equal(RegisterResult.IdTaken, await TryAsync(owner, first.AutomergeId.ToString(), first.AutomergeId));
            Assert.Equal(RegisterResult.AutomergeIdTaken, await TryAsync(owner, "other", first.AutomergeId));
            Assert.Equal(RegisterResult.AutomergeIdTaken, await TryAsync(owner, "other", idOfNamed));
            Assert.Equal(RegisterResult.IdTaken, await TryAsync(owner, "public", NewId()));
            Assert.Equal(RegisterResult.AutomergeIdTaken, (await store.FindOrRegisterAppAsync(folder.App(owner, "x") with { AutomergeId = first.AutomergeId }, 10, None)).Result);
        }

        Assert.Equal(new UserUsage(0, 0), await store.UsageAsync(Bob, None));
        Assert.Equal(Alice, (await store.FindDocumentAsync("slug", None))!.OwnerId);
    }

    [Fact]
    public async Task Register_a_user_document_is_refused_for_everybody()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        DocumentId userDocument = (await store.FindUserAsync(Alice, None))!.UserDocument;
        foreach (string owner in new[] { Alice, Bob })
        {
            Assert.Equal(RegisterResult.AutomergeIdTaken, (await store.RegisterAsync(folder.Document(owner) with { AutomergeId = userDocument }, 10, None)).Result);
            Assert.Equal(RegisterResult.IdTaken, (await store.RegisterAsync(folder.Document(owner) with { Id = userDocument.ToString() }, 10, None)).Result);
            Assert.Equal(RegisterResult.AutomergeIdTaken, (await store.FindOrRegisterAppAsync(folder.App(owner, "x") with { AutomergeId = userDocument }, 10, None)).Result);
        }
    }

    [Fact]
    public async Task Register_for_nobody_is_refused()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder);
        Assert.Equal(RegisterResult.NoUser, (await store.RegisterAsync(folder.Document("oidc:ghost"), 10, None)).Result);
        Assert.Equal(RegisterResult.NoUser, (await store.FindOrRegisterAppAsync(folder.App("oidc:ghost", "x"), 10, None)).Result);
    }

    [Fact]
    public async Task Register_one_id_from_many_sides_has_one_winner()
    {
        using AccountFolder folder = new();
        string[] users = [.. Enumerable.Range(0, 16).Select(i => $"oidc:{i}")];
        await using SqliteAccountStore store = await OpenAsync(folder, users);
        for (int round = 0; round < 20; round++)
        {
            string id = $"wanted-{round}";
            RegisterOutcome[] outcomes = await Task.WhenAll(users.Select(u => store.RegisterAsync(folder.Document(u) with { Id = id }, 100, None).AsTask()));
            int winner = Array.FindIndex(outcomes, o => o.Result == RegisterResult.Registered);
            Assert.Equal(users[winner], (await store.FindDocumentAsync(id, None))!.OwnerId);
            Assert.All(outcomes.Where((_, i) => i != winner), o => Assert.Equal(RegisterResult.IdTaken, o.Result));
        }
    }

    [Fact]
    public async Task Parallel_registrations_do_not_pass_the_quota_together()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        RegisterOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, 100).Select(i =>
            i % 2 == 0 ? store.RegisterAsync(folder.Document(Alice), 30, None).AsTask() : store.FindOrRegisterAppAsync(folder.App(Alice, $"app{i}"), 30, None).AsTask()));
        Assert.Equal(30, outcomes.Count(o => o.Result == RegisterResult.Registered));
        Assert.All(outcomes.Where(o => o.Result != RegisterResult.Registered), o =>
        {
            Assert.Equal((RegisterResult.QuotaExceeded, 30L), (o.Result, o.Current));
            Assert.Null(o.Document);
        });
        Assert.Equal(30, (await store.UsageAsync(Alice, None)).Documents);
        Assert.Equal(RegisterResult.Registered, (await store.RegisterAsync(folder.Document(Bob), 30, None)).Result);
    }

    [Fact]
    public async Task Parallel_calls_for_an_app_document_get_the_same_one()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        RegisterOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => store.FindOrRegisterAppAsync(folder.App(Alice, "notes"), 1, None).AsTask()));
        DocumentId id = Assert.Single(outcomes.Select(o => o.Document!.AutomergeId).Distinct());
        DocumentRecord bobs = (await store.FindOrRegisterAppAsync(folder.App(Bob, "notes"), 1, None)).Document!;
        Assert.NotEqual(id, bobs.AutomergeId);
        Assert.Equal("app:notes", bobs.Id);
        Assert.Null(await store.FindDocumentAsync("app:notes", None));
        Assert.Equal("notes", (await store.FindDocumentAsync(id.ToString(), None))!.AppId);
        Assert.Equal(RegisterResult.IdTaken, (await store.RegisterAsync(folder.App(Alice, "notes"), 9, None)).Result);
    }

    [Fact]
    public async Task An_app_document_cannot_be_shared()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        DocumentId id = (await store.FindOrRegisterAppAsync(folder.App(Alice, "notes"), 9, None)).Document!.AutomergeId;
        Assert.Equal(ChangeOutcome.Private, await store.SetAclAsync(id, [Reads(Bob)], null, None));
        Assert.Equal(ChangeOutcome.Changed, await store.SetTypeAsync(id, "plain", None));
        Assert.Equal(ChangeOutcome.Private, await store.SetAclAsync(id, [Reads(Bob)], null, None));
        Assert.True((await store.FindDocumentAsync(id, None))!.IsApp);
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.RegisterAsync(folder.App(Alice, "other") with { Acl = [Reads(Bob)] }, 9, None));
    }

    [Fact]
    public async Task A_deleted_document_comes_back_through_its_former_owner_only()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice, Bob);
        DocumentRecord document = folder.Document(Alice, Reads(Bob)) with { Id = "team", Size = 500 };
        await store.RegisterAsync(document, 10, None);
        Assert.Equal(new UserUsage(1, 500), await store.UsageAsync(Alice, None));
        Assert.Equal(ChangeOutcome.Changed, await store.DeleteAsync(document.AutomergeId, None));
        Assert.Equal(document.OwnerId, await store.FormerOwnerAsync(document.AutomergeId, None));
        Assert.Null(await store.FormerOwnerAsync(DocumentId.FromPayload([1, 2, 3]), None));
        Assert.Equal(ChangeOutcome.NotFound, await store.DeleteAsync(document.AutomergeId, None));
        Assert.Null(await store.FindDocumentAsync("team", None));
        Assert.Null(await store.FindDocumentAsync(document.AutomergeId, None));
        Assert.Equal(new UserUsage(0, 0), await store.UsageAsync(Alice, None));

        Assert.Equal(RegisterResult.AutomergeIdTaken, (await store.RegisterAsync(document with { OwnerId = Bob, Id = "x" }, 10, None)).Result);
        Assert.Equal(RegisterResult.IdTaken, (await store.RegisterAsync(folder.Document(Bob) with { Id = "team" }, 10, None)).Result);
        Assert.Equal(RegisterResult.IdTaken, (await store.RegisterAsync(folder.Document(Bob) with { Id = document.AutomergeId.ToString() }, 10, None)).Result);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(RegisterResult.Registered, (await store.RegisterAsync(document, 10, None)).Result);
            Assert.Equal(RegisterResult.IdTaken, (await store.RegisterAsync(document, 10, None)).Result);
            Assert.Equal(ChangeOutcome.Changed, await store.DeleteAsync(document.AutomergeId, None));
        }
    }

    [Fact]
    public async Task A_write_that_fails_does_not_take_its_neighbours_along()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        SessionRecord session = new("s", Alice, folder.Time.GetUtcNow(), folder.Time.GetUtcNow().AddDays(30), null);
        Task[] writes = [.. Enumerable.Range(0, 60).Select(i => i % 3 == 1
            ? store.AddSessionAsync(session with { Id = $"s{i}", UserId = "oidc:ghost" }, None).AsTask()
            : (Task)store.RegisterAsync(folder.Document(Alice), 100, None).AsTask())];
        for (int i = 0; i < writes.Length; i++)
        {
            if (i % 3 == 1) await Assert.ThrowsAsync<InvalidOperationException>(() => writes[i]);
            else await writes[i];
        }

        Assert.Equal(40, (await store.UsageAsync(Alice, None)).Documents);
        Assert.Null(await store.FindSessionAsync("s1", None));
    }

    [Fact]
    public async Task A_registration_that_fails_half_way_leaves_nothing()
    {
        using AccountFolder folder = new();
        await using SqliteAccountStore store = await OpenAsync(folder, Alice);
        DocumentRecord[] documents = [.. Enumerable.Range(0, 30).Select(i => i % 3 == 1 ? folder.Document(Alice) with { Acl = new BreakingList() } : folder.Document(Alice))];
        Task<RegisterOutcome>[] writes = [.. documents.Select(d => store.RegisterAsync(d, 100, None).AsTask())];
        for (int i = 0; i < writes.Length; i++)
        {
            if (i % 3 == 1) await Assert.ThrowsAsync<NotSupportedException>(() => writes[i]);
            else Assert.Equal(RegisterResult.Registered, (await writes[i]).Result);
            Assert.Equal(i % 3 != 1, await store.FindDocumentAsync(documents[i].AutomergeId, None) is not null);
        }

        Assert.Equal(20, (await store.UsageAsync(Alice, None)).Documents);
    }

    // Two entries when it is checked, and none that can be had when it is written: after the document and the first of its entries.
    private sealed class BreakingList : IReadOnlyList<AclEntry>
    {
        public int Count => 2;

        public AclEntry this[int index] => index == 0 ? Reads(Bob) : throw new NotSupportedException("the second entry");

        public IEnumerator<AclEntry> GetEnumerator()
        {
            yield return Reads(Bob);
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
