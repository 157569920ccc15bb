using System.Text.Json;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Tests.Support;
using static Ratatoskr.Http.Tests.Support.BlobSteps;

namespace Ratatoskr.Http.Tests.Blobs;

/// <summary>Claims of users and documents: what they answer, list and cost.</summary>
public sealed class ClaimTests
{
    [Fact]
    public async Task Claim_is_made_once_and_released_once()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        string hash = await alice.StoreAsync(Noise(1000));
        await alice.ShareAsync("notes", hash, """[{"principal":"oidc:bob","permission":"read"}]""");
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal($$"""{"hash":"{{hash}}","size":1000,"mimeType":"image/png","claimedAt":"2026-11-21T12:01:00.000Z"}""", (await bob.ClaimAsync(hash)).AssertOk().GetRawText());
        (await bob.ClaimAsync(hash)).AssertError(409, "already_claimed");
        Assert.Equal(204, (await bob.ReleaseAsync(hash)).Status);
        (await bob.ReleaseAsync(hash)).AssertError(404, "not_found");
    }

    [Fact]
    public async Task Claims_are_listed_newest_first_page_by_page()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Quotas = new UserQuotas(10, 1, 1, 100_000, 1000) });
        RestUser alice = await server.SignInAsync("alice");
        List<string> hashes = [];
        for (int i = 1; i <= 7; i++)
        {
            hashes.Insert(0, await alice.StoreAsync(Noise(i * 10, i), i % 2 == 0 ? "image/png" : "text/plain"));
            server.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        await alice.ShareAsync("notes", hashes[0], "[]");
        await alice.BeginAsync(500);
        JsonElement all = (await alice.GetAsync(Root)).AssertOk();
        Assert.Equal(hashes, all.GetProperty("blobs").EnumerateArray().Select(blob => blob.GetProperty("hash").GetString()));
        Assert.Equal((7, 280 + 70 + 500, 100_000), (all.GetProperty("total").GetInt32(), all.GetProperty("quotaUsed").GetInt32(), all.GetProperty("quotaLimit").GetInt32()));
        Assert.Equal($$"""{"hash":"{{hashes[0]}}","size":70,"mimeType":"text/plain","claimedAt":"2026-11-21T12:00:06.000Z"}""", all.GetProperty("blobs")[0].GetRawText());
        JsonElement page = (await alice.GetAsync(Root + "?limit=2&offset=4")).AssertOk();
        Assert.Equal(hashes[4..6], page.GetProperty("blobs").EnumerateArray().Select(blob => blob.GetProperty("hash").GetString()));
        Assert.Equal(7, page.GetProperty("total").GetInt32());
        foreach (string bad in new[] { "limit=0", "limit=101", "limit=x", "limit=1&limit=2", "offset=-1", "offset=1.5" }) (await alice.GetAsync($"{Root}?{bad}")).AssertError(400, "invalid_request");
        (await server.SendAsync(HttpMethod.Get, Root)).AssertError(401, "unauthorized");
    }

    [Fact]
    public async Task Document_keeps_blobs_of_those_who_may_write_it()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob"), carol = await server.SignInAsync("carol"), dave = await server.SignInAsync("dave");
        await alice.CreateAsync("""{"id":"notes","acl":[{"principal":"oidc:bob","permission":"write"},{"principal":"oidc:carol","permission":"read"}]}""");
        string hash = await bob.StoreAsync(Noise(1000)), carols = await carol.StoreAsync(Noise(500));
        JsonElement claimed = (await bob.ClaimForAsync("notes", hash)).AssertOk();
        Assert.Equal($$"""{"hash":"{{hash}}","size":1000,"mimeType":"image/png","documentId":"notes","claimedAt":"2026-11-21T12:00:00.000Z"}""", claimed.GetRawText());
        (await bob.ClaimForAsync("doc:notes", hash)).AssertError(409, "already_claimed");
        (await carol.ClaimForAsync("notes", carols)).AssertError(403, "forbidden");
        (await dave.ClaimForAsync("notes", hash)).AssertError(403, "forbidden");
        (await bob.ClaimForAsync("none", hash)).AssertError(404, "not_found");
        (await bob.ClaimForAsync("notes", carols)).AssertError(404, "not_found");
        (await bob.ClaimForAsync("notes", new string('0', 64))).AssertError(404, "not_found");

        // Alice pays for the document's, Bob for his own.
        Assert.Equal(1000, (await alice.GetAsync(Root)).AssertOk().GetProperty("quotaUsed").GetInt32());
        Assert.Equal(0, (await alice.GetAsync(Root)).AssertOk().GetProperty("total").GetInt32());
        Assert.Equal(204, (await bob.ReleaseAsync(hash)).Status);
        Assert.Equal(Noise(1000), (await carol.ReadAsync(hash)).Bytes);

        JsonElement list = (await carol.GetAsync(DocumentRoot + "/notes/blobs")).AssertOk();
        Assert.Equal($$"""{"blobs":[{"hash":"{{hash}}","size":1000,"mimeType":"image/png","claimedAt":"2026-11-21T12:00:00.000Z"}],"total":1,"totalSize":1000}""", list.GetRawText());
        (await dave.GetAsync(DocumentRoot + "/notes/blobs")).AssertError(403, "forbidden");
        (await alice.GetAsync(DocumentRoot + "/notes/blobs?limit=1001")).AssertError(400, "invalid_request");
        (await carol.ReleaseForAsync("notes", hash)).AssertError(403, "forbidden");
        Assert.Equal(204, (await bob.ReleaseForAsync("notes", hash)).Status);
        (await bob.ReleaseForAsync("notes", hash)).AssertError(404, "not_found");
        Assert.Equal(0, (await alice.GetAsync(Root)).AssertOk().GetProperty("quotaUsed").GetInt32());
        foreach ((HttpMethod method, string path) in new[] { (HttpMethod.Get, "/blobs"), (HttpMethod.Post, "/blobs/" + hash), (HttpMethod.Delete, "/blobs/" + hash) })
            (await server.SendAsync(method, DocumentRoot + "/notes" + path)).AssertError(401, "unauthorized");
    }

    [Fact]
    public async Task Claims_cost_room_of_who_pays()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Quotas = new UserQuotas(10, 1, 1, 2500, 1500) });
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        string hash = await bob.StoreAsync(Noise(1000)), other = await bob.StoreAsync(Noise(1000, 1));
        await alice.CreateAsync("""{"id":"notes","acl":[{"principal":"oidc:bob","permission":"write"}]}""");
        await alice.StoreAsync(Noise(700));
        (await bob.ClaimForAsync("notes", hash)).AssertOk();
        RestAnswer full = await bob.ClaimForAsync("notes", other);
        full.AssertError(402, "quota_exceeded");
        Assert.Equal((1700, 2500, 1000), (full.Json.GetProperty("current").GetInt32(), full.Json.GetProperty("limit").GetInt32(), full.Json.GetProperty("required").GetInt32()));
        (await alice.ClaimAsync(hash)).AssertError(402, "quota_exceeded");
        Assert.Equal(204, (await alice.DeleteAsync(DocumentRoot + "/notes")).Status);
        await alice.CreateAsync("""{"id":"notes","acl":[{"principal":"oidc:bob","permission":"write"}]}""");
        (await bob.ClaimForAsync("notes", other)).AssertOk();
        (await alice.ClaimAsync(other)).AssertError(402, "quota_exceeded");
    }
}
