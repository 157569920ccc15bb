using System.Text.Json;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Tests.Support;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Http.Tests.Documents;

public sealed class CreateTests
{
    private const string Documents = "/api/v1/documents";
    private const string Base58 = "2Q8BVGBQwaFUA6Naoaue9TRUw3Af";

    [Fact]
    public async Task Document_without_id_gets_one_that_is_its_automerge_id()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        JsonElement made = (await alice.PostAsync(Documents, "{}")).AssertOk();
        Assert.Equal(made.GetProperty("automergeId").GetString(), made.GetProperty("id").GetString());
        Assert.Equal(alice.Id, made.GetProperty("owner").GetString());
        Assert.Equal(JsonValueKind.Null, made.GetProperty("type").ValueKind);
        Assert.Equal(JsonValueKind.Null, made.GetProperty("expiresAt").ValueKind);
        Assert.Equal(0, made.GetProperty("acl").GetArrayLength());
        Assert.Equal("2026-11-21T12:00:00.000Z", made.GetProperty("createdAt").GetString());
    }

    [Theory]
    [InlineData("notes")]
    [InlineData("doc:notes")]
    [InlineData("doc:0b9ac5b2-7e8f-4b3c-9f43-6a1c3a6f7c11")]
    [InlineData("a.b_c-d")]
    [InlineData(Base58)]
    [InlineData("doc:" + Base58)]
    public async Task Document_answers_to_all_its_names(string id)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        JsonElement made = (await alice.PostAsync(Documents, $$"""{"id":"{{id}}","type":"note"}""")).AssertOk();
        string automergeId = made.GetProperty("automergeId").GetString()!;
        if (id.EndsWith(Base58, StringComparison.Ordinal)) Assert.Equal(Base58, automergeId);
        Assert.Equal(id, made.GetProperty("id").GetString());
        string local = id.Replace("doc:", "", StringComparison.Ordinal);
        foreach (string name in new[] { id, automergeId, local, $"doc:{local}", Uri.EscapeDataString(id), $"doc%3A{local}" })
            Assert.Equal(id, (await alice.GetAsync($"{Documents}/{name}")).AssertOk().GetProperty("id").GetString());
    }

    [Fact]
    public async Task All_fields_are_kept_and_dates_become_utc()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        JsonElement made = (await alice.PostAsync(Documents, $$"""
            {"id":"notes","automergeId":"{{Base58}}","type":"com.example/note","acl":[{"principal":"oidc:bob","permission":"write"},{"principal":"public","permission":"read"}],
             "expiresAt":"2026-12-31T01:00:00+01:00","unknown":true}
            """)).AssertOk();
        Assert.Equal(Base58, made.GetProperty("automergeId").GetString());
        Assert.Equal("2026-12-31T00:00:00.000Z", made.GetProperty("expiresAt").GetString());
        JsonElement read = (await alice.GetAsync(Documents + "/notes")).AssertOk();
        Assert.Equal("com.example/note", read.GetProperty("type").GetString());
        Assert.Equal("2026-12-31T00:00:00.000Z", read.GetProperty("expiresAt").GetString());
        Assert.Equal("""[{"principal":"oidc:bob","permission":"write"},{"principal":"public","permission":"read"}]""", read.GetProperty("acl").GetRawText());
    }

    [Theory]
    [InlineData("""{"id":"a b"}""", "id")]
    [InlineData("""{"id":""}""", "id")]
    [InlineData("""{"id":"."}""", "id")]
    [InlineData("""{"id":".."}""", "id")]
    [InlineData("""{"id":"../../etc/passwd"}""", "id")]
    [InlineData("""{"id":"doc:a:b"}""", "id")]
    [InlineData("""{"id":"blob:a"}""", "id")]
    [InlineData("""{"id":"eph:a"}""", "id")]
    [InlineData("""{"id":"'; DROP TABLE documents; --"}""", "id")]
    [InlineData("""{"id":"<script>"}""", "id")]
    [InlineData("""{"id":7}""", "id")]
    [InlineData("""{"automergeId":"junk"}""", "automergeId")]
    [InlineData("""{"automergeId":"2Q8BVGBQwaFUA6Naoaue9TRUw3A2"}""", "automergeId")]
    [InlineData("""{"automergeId":{}}""", "automergeId")]
    [InlineData("""{"id":"2Q8BVGBQwaFUA6Naoaue9TRUw3Af","automergeId":"97ggSxn7h8rHpNzGkmuj4L5Fb3b"}""", "automergeId")]
    [InlineData("""{"type":1}""", "type")]
    [InlineData("""{"type":"app:notes"}""", "type")]
    [InlineData("""{"acl":{}}""", "acl")]
    [InlineData("""{"acl":["x"]}""", "acl")]
    [InlineData("""{"acl":[{"principal":"bob"}]}""", "acl")]
    [InlineData("""{"acl":[{"principal":"","permission":"read"}]}""", "acl")]
    [InlineData("""{"acl":[{"principal":"bob","permission":"admin"}]}""", "acl")]
    [InlineData("""{"acl":[{"principal":"bob","permission":"read"},{"principal":"bob","permission":"write"}]}""", "acl")]
    [InlineData("""{"id":"app:notes","acl":[{"principal":"bob","permission":"read"}]}""", "acl")]
    [InlineData("""{"expiresAt":"tomorrow"}""", "expiresAt")]
    [InlineData("""{"expiresAt":1}""", "expiresAt")]
    [InlineData("""{"expiresAt":"2020-01-01"}""", "expiresAt")]
    public async Task What_makes_no_sense_is_refused_and_the_field_named(string body, string field)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        Assert.StartsWith(field + ":", (await alice.PostAsync(Documents, body)).AssertError(400, "invalid_request"), StringComparison.Ordinal);
        Assert.Equal(0, (await alice.GetAsync(Documents)).AssertOk().GetProperty("owned").GetArrayLength());
    }

    [Fact]
    public async Task Lengths_are_limited()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        (await alice.PostAsync(Documents, $$"""{"id":"{{new string('a', 200)}}"}""")).AssertOk();
        (await alice.PostAsync(Documents, $$"""{"id":"{{new string('a', 201)}}"}""")).AssertError(400, "invalid_request");
        (await alice.PostAsync(Documents, $$"""{"type":"{{new string('t', 201)}}"}""")).AssertError(400, "invalid_request");
        (await alice.PostAsync(Documents, $$"""{"acl":[{"principal":"{{new string('p', 201)}}","permission":"read"}]}""")).AssertError(400, "invalid_request");
        (await alice.PostAsync(Documents, $$"""{"automergeId":"{{new string('1', 100_000)}}"}""")).AssertError(400, "invalid_request");
        string entries = string.Join(',', Enumerable.Range(0, 1001).Select(i => $$"""{"principal":"u{{i}}","permission":"read"}"""));
        (await alice.PostAsync(Documents, $$"""{"acl":[{{entries}}]}""")).AssertError(400, "invalid_request");
    }

    [Fact]
    public async Task First_to_name_a_document_owns_it()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        await alice.CreateAsync($$"""{"id":"notes","automergeId":"{{Base58}}"}""");
        (await bob.PostAsync(Documents, """{"id":"notes"}""")).AssertError(409, "conflict");
        (await bob.PostAsync(Documents, $$"""{"automergeId":"{{Base58}}"}""")).AssertError(409, "conflict");
        (await bob.PostAsync(Documents, $$"""{"id":"{{Base58}}"}""")).AssertError(409, "conflict");
        (await alice.PostAsync(Documents, """{"id":"notes"}""")).AssertError(409, "conflict");
    }

    [Fact]
    public async Task User_document_of_somebody_cannot_be_registered()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), mallory = await server.SignInAsync("mallory");
        UserRecord user = (await server.Accounts.FindUserAsync(alice.Id, CancellationToken.None))!;
        (await mallory.PostAsync(Documents, $$"""{"automergeId":"{{user.UserDocument}}"}""")).AssertError(409, "conflict");
        (await mallory.PostAsync(Documents, $$"""{"id":"{{user.UserDocument}}"}""")).AssertError(409, "conflict");
    }

    [Fact]
    public async Task Deleted_document_comes_back_through_its_former_owner_only()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        await alice.CreateAsync($$"""{"id":"notes","automergeId":"{{Base58}}"}""");
        (await alice.PutAsync(Documents + "/notes/content", """{"a":1}""")).AssertOk();
        Assert.Equal(204, (await alice.DeleteAsync(Documents + "/notes")).Status);
        (await bob.PostAsync(Documents, $$"""{"automergeId":"{{Base58}}"}""")).AssertError(409, "conflict");
        (await bob.PostAsync(Documents, """{"id":"notes"}""")).AssertError(409, "conflict");
        await alice.CreateAsync($$"""{"id":"notes","automergeId":"{{Base58}}"}""");
        Assert.Equal("{}", (await alice.GetAsync(Documents + "/notes/export?format=json")).Text);
        (await alice.PutAsync(Documents + "/notes/content", """{"b":2}""")).AssertOk();
        Assert.Equal("""{"b":2}""", (await alice.GetAsync(Documents + "/notes/export?format=json")).Text);
    }

    [Fact]
    public async Task Content_that_nobody_has_registered_is_not_the_first_comers()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        DocumentId id = DocumentId.FromPayload("somebody's"u8);
        await server.Chunks.AppendAsync(new AppendBatch(id, new byte[] { 1 }, default), server.Control.Current, CancellationToken.None);
        (await alice.PostAsync(Documents, $$"""{"automergeId":"{{id}}"}""")).AssertError(409, "conflict");
    }

    [Fact]
    public async Task Content_left_by_a_deletion_that_was_cut_short_goes_before_its_owner_comes_back()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        await alice.CreateAsync($$"""{"id":"{{Base58}}"}""");
        (await alice.PutAsync($"{Documents}/{Base58}/content", """{"old":true}""")).AssertOk();
        DocumentRecord record = (await server.Accounts.FindDocumentAsync(Base58, CancellationToken.None))!;
        await server.Accounts.DeleteAsync(record.AutomergeId, CancellationToken.None);      // and then the power went
        (await bob.PostAsync(Documents, $$"""{"id":"{{Base58}}"}""")).AssertError(409, "conflict");
        await alice.CreateAsync($$"""{"id":"{{Base58}}"}""");
        Assert.Equal("{}", (await alice.GetAsync($"{Documents}/{Base58}/export?format=json")).Text);
    }

    [Fact]
    public async Task Deletion_that_was_cut_short_ends_with_the_next_sweep()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        foreach (string name in (string[])["cut", "whole", "back"])
        {
            await alice.CreateAsync($$"""{"id":"{{name}}"}""");
            (await alice.PutAsync($"{Documents}/{name}/content", """{"a":1}""")).AssertOk();
        }

        DocumentId cut = (await server.Accounts.FindDocumentAsync("cut", CancellationToken.None))!.AutomergeId;
        DocumentId back = (await server.Accounts.FindDocumentAsync("back", CancellationToken.None))!.AutomergeId;
        await server.Accounts.DeleteAsync(cut, CancellationToken.None);      // and then the power went
        await server.Accounts.DeleteAsync(back, CancellationToken.None);
        Assert.Equal(204, (await alice.DeleteAsync($"{Documents}/whole")).Status);
        await alice.CreateAsync($$"""{"id":"{{back}}"}""");
        (await alice.PutAsync($"{Documents}/{back}/content", """{"b":1}""")).AssertOk();
        Assert.Equal([cut], await server.Accounts.UnfreedAsync(10, CancellationToken.None));

        Assert.Equal(1, await server.Directory_.SweepAsync(100, CancellationToken.None));
        Assert.Equal(0, await server.Directory_.SweepAsync(100, CancellationToken.None));
        DocumentPeek[] peeked = new DocumentPeek[2];
        await server.Chunks.PeekAsync(new[] { cut, back }, peeked, CancellationToken.None);
        Assert.Equal([StoredPresence.Tombstoned, StoredPresence.Present], peeked.Select(peek => peek.Presence));
    }

    [Fact]
    public async Task App_document_is_the_same_every_time_and_everybodys_own()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        JsonElement[] answers = [.. (await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => alice.GetAsync(Documents + "/app/com.example.notes")))).Select(answer => answer.AssertOk())];
        string id = Assert.Single(answers.Select(answer => answer.GetProperty("documentId").GetString()).Distinct())!;
        JsonElement posted = (await alice.PostAsync(Documents, """{"id":"app:com.example.notes","type":"x"}""")).AssertOk();
        Assert.Equal(id, posted.GetProperty("automergeId").GetString());
        Assert.Equal("app:com.example.notes", posted.GetProperty("id").GetString());
        Assert.NotEqual(id, (await bob.GetAsync(Documents + "/app/com.example.notes")).AssertOk().GetProperty("documentId").GetString());
        Assert.Equal(id, (await alice.GetAsync(Documents + "/app:com.example.notes")).AssertOk().GetProperty("automergeId").GetString());
        (await bob.GetAsync($"{Documents}/{id}")).AssertError(403, "forbidden");
        (await alice.GetAsync(Documents + "/app:another")).AssertError(404, "not_found");
        (await alice.GetAsync(Documents + "/app/a%20b")).AssertError(400, "invalid_request");
    }

    [Fact]
    public async Task App_document_stays_private()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        string id = (await alice.GetAsync(Documents + "/app/notes")).AssertOk().GetProperty("documentId").GetString()!;
        (await alice.PutAsync($"{Documents}/{id}/type", """{"type":"plain"}""")).AssertOk();
        Assert.Contains("App documents", (await alice.PutAsync($"{Documents}/{id}/acl", """{"acl":[{"principal":"public","permission":"read"}]}""")).AssertError(400, "invalid_request"), StringComparison.Ordinal);
        (await bob.GetAsync($"{Documents}/{id}")).AssertError(403, "forbidden");
    }

    [Fact]
    public async Task Quota_of_documents_is_told_with_its_figures()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Quotas = new UserQuotas(2, 1 << 20, 1 << 20, 0, 0) });
        RestUser alice = await server.SignInAsync("alice");
        await alice.CreateAsync();
        await alice.CreateAsync();
        RestAnswer refused = await alice.PostAsync(Documents, "{}");
        refused.AssertError(403, "quota_exceeded");
        Assert.Equal(("maxDocuments", 2, 2), (refused.Json.GetProperty("quota").GetString(), refused.Json.GetProperty("current").GetInt32(), refused.Json.GetProperty("limit").GetInt32()));
    }

    [Fact]
    public async Task Creations_are_limited_by_the_hour()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Rates = new RateLimits { UserDocuments = RateLimit.PerHour(3) } });
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        for (int i = 0; i < 3; i++) await alice.CreateAsync();
        RestAnswer refused = await alice.PostAsync(Documents, "{}");
        refused.AssertError(429, "rate_limited");
        Assert.Equal(refused.Headers["Retry-After"], refused.Json.GetProperty("retryAfter").GetRawText());
        await bob.CreateAsync();
        server.Clock.Advance(TimeSpan.FromSeconds(refused.Json.GetProperty("retryAfter").GetInt32()));
        await (await server.SignInAsync("alice")).CreateAsync();             // the session has ended too
    }
}
