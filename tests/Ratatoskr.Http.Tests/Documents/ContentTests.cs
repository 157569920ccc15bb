using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Values;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Tests.Support;
using Ratatoskr.Storage;

namespace Ratatoskr.Http.Tests.Documents;

public sealed class ContentTests
{
    private const string One = "/api/v1/documents/notes";

    [Fact]
    public async Task Content_is_replaced_with_its_kinds()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        Assert.Equal("{}", (await alice.GetAsync(One + "/export?format=json")).Text);
        Assert.Empty((await alice.GetAsync(One + "/export")).Bytes);
        const string content = """{"list":[1,"two",[3],{"four":4}],"map":{"a":null,"b":true},"number":1.5,"text":"Grüße 🌍"}""";
        RestAnswer put = await alice.PutAsync(One + "/content", content);
        Assert.True(put.AssertOk().GetProperty("success").GetBoolean());
        RestAnswer json = await alice.GetAsync(One + "/export?format=json");
        Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(content).RootElement, json.Json), json.Text);
        Assert.Equal(put.ETag, json.ETag);
        RestAnswer binary = await alice.GetAsync(One + "/export");
        Assert.Equal("application/octet-stream", binary.ContentType);
        Assert.Equal("attachment; filename=\"notes.amrg\"", binary.Headers["Content-Disposition"]);
        Assert.Equal(put.Json.GetProperty("size").GetInt64(), binary.Bytes.Length);
        Document document = Document.Load(binary.Bytes, ActorId.Parse("aa"));
        Assert.Equal(ObjectKind.Text, document.View.Get(ObjectId.Root, "text")!.Value.AsObjectKind());
        Assert.Equal(ObjectKind.List, document.View.Get(ObjectId.Root, "list")!.Value.AsObjectKind());
        Assert.Equal(server.Clock.GetUtcNow().ToUnixTimeSeconds(), Assert.Single(document.History).Time);
    }

    [Fact]
    public async Task Keys_that_are_not_there_any_more_go()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        (await alice.PutAsync(One + "/content", """{"a":1,"b":2}""")).AssertOk();
        (await alice.PutAsync(One + "/content", """{"b":3,"c":4}""")).AssertOk();
        Assert.Equal("""{"b":3,"c":4}""", (await alice.GetAsync(One + "/export?format=json")).Text);
        (await alice.PutAsync(One + "/content", "{}")).AssertOk();
        Assert.Equal("{}", (await alice.GetAsync(One + "/export?format=json")).Text);
    }

    [Fact]
    public async Task Content_that_is_the_same_makes_no_change()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        const string content = """{"a":1,"b":0,"c":-1.5,"d":null,"list":[1,{"x":[]}],"map":{"y":{"z":"deep"}},"text":"same"}""";
        RestAnswer first = await alice.PutAsync(One + "/content", content);
        Assert.Equal(first.ETag, (await alice.PutAsync(One + "/content", content)).ETag);
        Assert.Equal(1, (await alice.GetAsync(One + "/history")).AssertOk().GetProperty("totalChanges").GetInt32());
    }

    [Fact]
    public async Task Content_for_a_full_disk_gets_503_and_what_is_stored_can_be_read()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        (await alice.PutAsync(One + "/content", """{"a":1}""")).AssertOk();
        server.Chunks.OnAppend = static _ => throw new StoreUnavailableException("append refused: no space left (/data)");
        string message = (await alice.PutAsync(One + "/content", """{"a":2}""")).AssertError(503, "storage_unavailable");
        Assert.DoesNotContain("/data", message, StringComparison.Ordinal);
        Assert.Equal("""{"a":1}""", (await alice.GetAsync(One + "/export?format=json")).Text);
    }

    [Fact]
    public async Task Store_that_does_not_answer_is_503_in_the_one_shape()
    {
        DefaultHttpContext context = new() { Response = { Body = new MemoryStream() } };
        ApplicationBuilder app = new(context.RequestServices ?? new ServiceCollection().BuildServiceProvider());
        app.UseErrorAnswers(NullLogger.Instance).Run(static _ => throw new StoreUnavailableException("write refused: the disk is full (/data/ratatoskr.db)"));
        await app.Build()(context);
        Assert.Equal((503, "5"), (context.Response.StatusCode, context.Response.Headers.RetryAfter.ToString()));
        context.Response.Body.Position = 0;
        using JsonDocument body = await JsonDocument.ParseAsync(context.Response.Body, default, TestContext.Current.CancellationToken);
        Assert.Equal(["error", "message"], body.RootElement.EnumerateObject().Select(property => property.Name));
        Assert.Equal("storage_unavailable", body.RootElement.GetProperty("error").GetString());
        Assert.DoesNotContain("/data", body.RootElement.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Maps_are_changed_where_they_differ_and_lists_as_a_whole()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        (await alice.PutAsync(One + "/content", """{"map":{"keep":{"a":1},"go":1,"text":"x"},"list":[1,2],"kind":{"a":1}}""")).AssertOk();
        string heads = (await alice.GetAsync(One + "/export?format=json")).ETag!.Trim('"');
        (await alice.PutAsync(One + "/content", """{"map":{"keep":{"a":1},"come":true,"text":"xy"},"list":[1,3],"kind":[1]}""")).AssertOk();
        Assert.Equal("""{"kind":[1],"list":[1,3],"map":{"come":true,"keep":{"a":1},"text":"xy"}}""", (await alice.GetAsync(One + "/export?format=json")).Text);
        string[] paths = [.. (await alice.GetAsync($"{One}/diff?from={heads}")).AssertOk().GetProperty("patches").EnumerateArray().Select(patch => patch.GetProperty("path").GetRawText())];
        Assert.DoesNotContain(paths, path => path == """["map"]""" || path.StartsWith("""["map","keep""", StringComparison.Ordinal));
        Assert.Contains("""["map","go"]""", paths);
    }

    [Fact]
    public async Task Many_keys_take_no_longer_than_they_are_many()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        string content = $"{{{string.Join(',', Enumerable.Range(0, 50_000).Select(i => $"\"k{i:d5}\":{i}"))}}}";
        (await alice.PutAsync(One + "/content", content)).AssertOk();
        (await alice.PutAsync(One + "/content", content)).AssertOk();
        Assert.Equal(1, (await alice.GetAsync(One + "/history")).AssertOk().GetProperty("totalChanges").GetInt32());
    }

    [Fact]
    public async Task Text_changes_where_it_differs()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        (await alice.PutAsync(One + "/content", """{"text":"Hello world"}""")).AssertOk();
        (await alice.PutAsync(One + "/content", """{"text":"Hello, world!"}""")).AssertOk();
        Assert.Equal(2, (await alice.GetAsync(One + "/history?limit=1")).AssertOk().GetProperty("changes")[0].GetProperty("opsCount").GetInt32());
    }

    [Fact]
    public async Task Content_for_other_heads_is_not_taken()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        string empty = (await alice.GetAsync(One + "/export?format=json")).ETag!;
        RestAnswer first = await alice.PutAsync(One + "/content", """{"a":1}""", ("If-Match", empty));
        first.AssertOk();
        (await alice.PutAsync(One + "/content", """{"a":2}""", ("If-Match", empty))).AssertError(412, "precondition_failed");
        (await alice.PutAsync(One + "/content", """{"a":2}""", ("If-Match", "\"junk\""))).AssertError(412, "precondition_failed");
        (await alice.PutAsync(One + "/content", """{"a":2}""", ("If-Match", first.ETag!))).AssertOk();
        Assert.Equal("""{"a":2}""", (await alice.GetAsync(One + "/export?format=json")).Text);
    }

    [Fact]
    public async Task Of_many_writers_for_the_same_heads_one_succeeds()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        RestAnswer[] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => alice.PutAsync(One + "/content", $$"""{"a":{{i}}}""", ("If-Match", "\"\""))));
        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers, answer => Assert.Contains(answer.Status, new[] { 200, 412 }));
        Assert.Equal(1, (await alice.GetAsync(One + "/history")).AssertOk().GetProperty("totalChanges").GetInt32());
    }

    [Fact]
    public async Task No_writer_is_lost_without_a_condition()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        RestAnswer[] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => alice.PutAsync(One + "/content", $$"""{"a":{{i}}}""")));
        Assert.All(answers, answer => answer.AssertOk());
        Assert.Equal(8, (await alice.GetAsync(One + "/history")).AssertOk().GetProperty("totalChanges").GetInt32());
    }

    [Theory]
    [InlineData("[1]")]
    [InlineData("1")]
    [InlineData("\"text\"")]
    [InlineData("null")]
    public async Task Only_an_object_is_content(string body)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        (await alice.PutAsync(One + "/content", """{"a":1}""")).AssertOk();
        (await alice.PutAsync(One + "/content", body)).AssertError(400, "invalid_request");
        Assert.Equal("""{"a":1}""", (await alice.GetAsync(One + "/export?format=json")).Text);
    }

    [Fact]
    public async Task Deep_content_is_taken_and_too_deep_refused()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        string deep = string.Concat(Enumerable.Repeat("{\"a\":", 250)) + "1" + new string('}', 250);
        (await alice.PutAsync(One + "/content", deep)).AssertOk();
        Assert.Equal(deep, (await alice.GetAsync(One + "/export?format=json")).Text);
        (await alice.PutAsync(One + "/content", string.Concat(Enumerable.Repeat("[", 100_000)))).AssertError(400, "invalid_request");
        (await alice.PutAsync(One + "/content", string.Concat(Enumerable.Repeat("{\"a\":", 300)) + "1" + new string('}', 300))).AssertError(400, "invalid_request");
    }

    [Fact]
    public async Task Large_text_is_stored()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        string text = new('x', 1 << 20);
        (await alice.PutAsync(One + "/content", JsonSerializer.Serialize(new { text }))).AssertOk();
        Assert.Equal(text.Length, (await alice.GetAsync(One + "/export?format=json")).AssertOk().GetProperty("text").GetString()!.Length);
    }

    [Fact]
    public async Task Document_larger_than_its_owner_may_have_is_refused_with_figures_whoever_writes()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Quotas = new UserQuotas(10, 10_000, 1 << 20, 0, 0) });
        RestUser alice = await OwnerAsync(server), bob = await server.SignInAsync("bob");
        (await alice.PutAsync(One + "/acl", """{"acl":[{"principal":"oidc:bob","permission":"write"}]}""")).AssertOk();
        (await bob.PutAsync(One + "/content", """{"small":true}""")).AssertOk();
        foreach (RestUser writer in new[] { alice, bob })
        {
            RestAnswer refused = await writer.PutAsync(One + "/content", JsonSerializer.Serialize(new { large = Noise(20_000) }));
            refused.AssertError(403, "quota_exceeded");
            Assert.Equal(("maxDocumentSize", 10_000), (refused.Json.GetProperty("quota").GetString(), refused.Json.GetProperty("limit").GetInt64()));
            Assert.InRange(refused.Json.GetProperty("current").GetInt64(), 1, 10_000);
        }

        Assert.Equal("""{"small":true}""", (await alice.GetAsync(One + "/export?format=json")).Text);
    }

    [Fact]
    public async Task All_documents_together_are_limited_too_and_deleting_makes_room()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Quotas = new UserQuotas(10, 1 << 20, 30_000, 0, 0) });
        RestUser alice = await OwnerAsync(server);
        await alice.CreateAsync("""{"id":"other"}""");
        (await alice.PutAsync(One + "/content", JsonSerializer.Serialize(new { large = Noise(20_000) }))).AssertOk();
        RestAnswer refused = await alice.PutAsync("/api/v1/documents/other/content", JsonSerializer.Serialize(new { large = Noise(20_000) }));
        refused.AssertError(403, "quota_exceeded");
        Assert.Equal("maxTotalStorage", refused.Json.GetProperty("quota").GetString());
        Assert.Equal(204, (await alice.DeleteAsync(One)).Status);
        (await alice.PutAsync("/api/v1/documents/other/content", JsonSerializer.Serialize(new { large = Noise(20_000) }))).AssertOk();
    }

    [Theory]
    [InlineData("format=xml")]
    [InlineData("format=json&format=json")]
    public async Task Unknown_format_is_refused(string query)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await OwnerAsync(server);
        (await alice.GetAsync($"{One}/export?{query}")).AssertError(400, "invalid_request");
    }

    // What does not deflate.
    private static string Noise(int length)
    {
        Random random = new(1);
        return string.Create(length, random, static (text, random) =>
        {
            foreach (ref char c in text) c = (char)random.Next('!', '~');
        });
    }

    private static async Task<RestUser> OwnerAsync(RestServer server)
    {
        RestUser alice = await server.SignInAsync("alice");
        await alice.CreateAsync("""{"id":"notes"}""");
        return alice;
    }
}
