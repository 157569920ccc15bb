using System.Text.Json;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.Documents;

public sealed class HistoryTests
{
    private const string One = "/api/v1/documents/notes";

    [Fact]
    public async Task History_is_newest_first_and_paged()
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, string[] heads) = await WrittenAsync(server, """{"a":1}""", """{"a":2}""", """{"a":3}""");
        JsonElement all = (await alice.GetAsync(One + "/history")).AssertOk();
        Assert.Equal(heads.Reverse(), Hashes(all));
        Assert.Equal(3, all.GetProperty("totalChanges").GetInt32());
        Assert.Equal(heads[^1], Assert.Single(all.GetProperty("currentHeads").EnumerateArray()).GetString());
        JsonElement newest = all.GetProperty("changes")[0];
        Assert.Equal(2, newest.GetProperty("index").GetInt32());
        Assert.Equal(1, newest.GetProperty("opsCount").GetInt32());
        Assert.Equal(server.Clock.GetUtcNow().ToUnixTimeSeconds(), newest.GetProperty("timestamp").GetInt64());
        Assert.Equal("2026-11-21T12:00:00.000Z", newest.GetProperty("time").GetString());
        Assert.Equal(JsonValueKind.Null, newest.GetProperty("message").ValueKind);
        Assert.Equal([heads[1]], Hashes((await alice.GetAsync(One + "/history?limit=1&offset=1")).AssertOk()));
        Assert.Empty(Hashes((await alice.GetAsync(One + "/history?offset=3")).AssertOk()));
        Assert.Empty(Hashes((await alice.GetAsync(One + "/history?offset=2147483647")).AssertOk()));
    }

    [Fact]
    public async Task Snapshot_is_the_content_as_it_was()
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, string[] heads) = await WrittenAsync(server, """{"a":1}""", """{"b":"two"}""");
        Assert.Equal("{\"heads\":[\"" + heads[0] + "\"],\"snapshot\":{\"a\":1}}", (await alice.GetAsync($"{One}/snapshot?heads={heads[0]}")).Text);
        Assert.Equal("""{"b":"two"}""", (await alice.GetAsync($"{One}/snapshot?heads={heads[0]},{heads[1]}")).AssertOk().GetProperty("snapshot").GetRawText());
        Assert.Equal("Missing heads parameter", (await alice.GetAsync($"{One}/snapshot")).AssertError(400, "invalid_request"));
        (await alice.GetAsync($"{One}/snapshot?heads=junk")).AssertError(400, "invalid_request");
        (await alice.GetAsync($"{One}/snapshot?heads={new string('0', 64)}")).AssertError(404, "not_found");
    }

    [Fact]
    public async Task Difference_is_told_in_patches_as_javascript_has_them()
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, string[] heads) = await WrittenAsync(server, """{"a":1,"text":"Hello"}""", """{"list":[1,true],"text":"Hello!"}""");
        JsonElement whole = (await alice.GetAsync($"{One}/diff?from=initial&to={heads[0]}")).AssertOk();
        Assert.Equal("""[{"action":"put","path":["a"],"value":1},{"action":"put","path":["text"],"value":""},{"action":"splice","path":["text",0],"value":"Hello"}]""", whole.GetProperty("patches").GetRawText());
        Assert.Equal("[]", whole.GetProperty("from").GetRawText());
        JsonElement since = (await alice.GetAsync($"{One}/diff?from={heads[0]}")).AssertOk();
        Assert.Equal(
            """[{"action":"del","path":["a"]},{"action":"put","path":["list"],"value":[]},{"action":"insert","path":["list",0],"values":[1,true]},{"action":"splice","path":["text",5],"value":"!"}]""",
            since.GetProperty("patches").GetRawText());
        Assert.Equal(heads[1], since.GetProperty("to")[0].GetString());
        Assert.Equal("Missing from parameter", (await alice.GetAsync($"{One}/diff")).AssertError(400, "invalid_request"));
        (await alice.GetAsync($"{One}/diff?from=junk")).AssertError(400, "invalid_request");
        (await alice.GetAsync($"{One}/diff?from=initial&to=junk")).AssertError(400, "invalid_request");
        (await alice.GetAsync($"{One}/diff?from={new string('0', 64)}")).AssertError(404, "not_found");
    }

    [Fact]
    public async Task Document_without_content_has_an_empty_history_and_no_states()
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, _) = await WrittenAsync(server);
        Assert.Equal("""{"changes":[],"totalChanges":0,"currentHeads":[]}""", (await alice.GetAsync(One + "/history")).Text);
        Assert.Equal("Document has no content", (await alice.GetAsync($"{One}/snapshot?heads={new string('0', 64)}")).AssertError(404, "not_found"));
        Assert.Equal("Document has no content", (await alice.GetAsync($"{One}/diff?from=initial")).AssertError(404, "not_found"));
    }

    [Theory]
    [InlineData("limit=0")]
    [InlineData("limit=101")]
    [InlineData("offset=-1")]
    [InlineData("offset=99999999999")]
    public async Task Bad_page_is_refused(string query)
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, _) = await WrittenAsync(server);
        (await alice.GetAsync($"{One}/history?{query}")).AssertError(400, "invalid_request");
    }

    private static IEnumerable<string> Hashes(JsonElement history) => history.GetProperty("changes").EnumerateArray().Select(change => change.GetProperty("hash").GetString()!);

    private static async Task<(RestUser Alice, string[] Heads)> WrittenAsync(RestServer server, params string[] contents)
    {
        RestUser alice = await server.SignInAsync("alice");
        await alice.CreateAsync("""{"id":"notes"}""");
        List<string> heads = [];
        foreach (string content in contents) heads.Add((await alice.PutAsync(One + "/content", content)).AssertOk().GetProperty("heads")[0].GetString()!);
        return (alice, [.. heads]);
    }
}
