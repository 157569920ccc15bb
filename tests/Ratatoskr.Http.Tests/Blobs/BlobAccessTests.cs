using System.Text.Json;
using Ratatoskr.Http.Tests.Support;
using static Ratatoskr.Http.Tests.Support.BlobSteps;

namespace Ratatoskr.Http.Tests.Blobs;

/// <summary>Who may do what with a blob, and that all others cannot tell whether it is there.</summary>
public sealed class BlobAccessTests
{
    /// <summary>Who asks, and the status of reading, of claiming, of a link, of claiming it for a document of his own.</summary>
    public static TheoryData<string, int, int, int, int> Matrix => new()
    {
        { "owner", 200, 409, 200, 200 },
        { "claimer", 200, 409, 200, 200 },
        { "reader", 200, 200, 200, 200 },
        { "writer", 200, 200, 200, 200 },
        { "friend", 200, 200, 200, 200 },                // may read a document that the access list names
        { "stranger", 404, 404, 404, 404 },
        { "nobody", 401, 401, 401, 401 },
        { "reader read", 200, 403, 200, 403 },
        { "reader blobs:write", 403, 403, 403, 403 },
        { "reader read+blobs:write", 200, 200, 200, 403 },
        { "reader write", 200, 200, 200, 200 },
        { "reader tokens:manage", 403, 403, 403, 403 },
        { "reader ", 403, 403, 403, 403 },
        { "reader doc:shared", 200, 403, 200, 403 },
        { "reader doc:shared+write", 200, 403, 200, 403 },
        { "reader doc:mine", 404, 403, 404, 404 },
        { "claimer doc:mine", 404, 403, 404, 404 },       // what he has claimed himself is out of reach of such a token
        { "stranger doc:shared", 404, 403, 404, 403 },
        { "stranger read+blobs:write", 404, 404, 404, 403 },
    };

    [Theory]
    [MemberData(nameof(Matrix))]
    public async Task Blob_of_a_shared_document(string who, int read, int claim, int link, int claimFor)
    {
        await using RestServer server = await RestServer.StartAsync();
        (string hash, Dictionary<string, RestUser> users) = await SharedAsync(server);
        string name = who.Split(' ')[0];
        RestUser? user = users.GetValueOrDefault(name);
        if (user is not null) await user.CreateAsync($$"""{"id":"mine"}""");
        if (user is not null && who.Contains(' ', StringComparison.Ordinal)) user = await server.TokenAsync(user, who[(name.Length + 1)..].Split('+', StringSplitOptions.RemoveEmptyEntries));
        string? token = user?.Token;
        Assert.Equal(read, (await server.SendAsync(HttpMethod.Get, $"{Root}/{hash}", token)).Status);
        Assert.Equal(read, (await server.SendAsync(HttpMethod.Head, $"{Root}/{hash}", token)).Status);
        Assert.Equal(link, (await server.SendAsync(HttpMethod.Post, $"{Root}/{hash}/links", token)).Status);
        Assert.Equal(claimFor, (await server.SendAsync(HttpMethod.Post, $"{DocumentRoot}/mine/blobs/{hash}", token)).Status);
        if (claimFor == 200) Assert.Equal(204, (await server.SendAsync(HttpMethod.Delete, $"{DocumentRoot}/mine/blobs/{hash}", token)).Status);
        Assert.Equal(claim, (await server.SendAsync(HttpMethod.Post, $"{Root}/{hash}/claim", token)).Status);

        // Who may not claim may not release either; a token that may write and not read finds nothing to release.
        int release = claim is 200 or 409 ? 204 : who == "reader blobs:write" ? 404 : claim;
        Assert.Equal(release, (await server.SendAsync(HttpMethod.Delete, $"{Root}/{hash}/claim", token)).Status);
    }

    [Theory]
    [InlineData("stranger")]
    [InlineData("nobody")]
    [InlineData("stranger read")]
    public async Task Blob_of_a_public_document_is_everybodys_to_read(string who)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), stranger = await server.SignInAsync("stranger");
        byte[] bytes = Noise(100);
        string hash = await alice.StoreAsync(bytes);
        await alice.ShareAsync("page", hash, """[{"principal":"public","permission":"read"}]""");
        string? token = who == "nobody" ? null : who == "stranger" ? stranger.Token : (await server.TokenAsync(stranger, "read")).Token;
        Assert.Equal(bytes, (await server.SendAsync(HttpMethod.Get, $"{Root}/{hash}", token)).Bytes);
        Assert.Equal(bytes, (await server.SendAsync(HttpMethod.Get, $"{Root}/{hash}?document=page", token)).Bytes);
        (await alice.PutAsync(DocumentRoot + "/page/acl", """{"acl":[]}""")).AssertOk();
        (await server.SendAsync(HttpMethod.Get, $"{Root}/{hash}", token)).AssertError(token is null ? 401 : 404, token is null ? "unauthorized" : "not_found");
    }

    [Fact]
    public async Task Access_ends_with_what_gave_it()
    {
        await using RestServer server = await RestServer.StartAsync();
        (string hash, Dictionary<string, RestUser> users) = await SharedAsync(server);
        RestUser owner = users["owner"], reader = users["reader"], claimer = users["claimer"], friend = users["friend"];
        Assert.Equal(204, (await claimer.ReleaseAsync(hash)).Status);
        Assert.Equal(200, (await claimer.ReadAsync(hash)).Status);                       // he may read the document still
        (await owner.PutAsync(DocumentRoot + "/shared/acl", """{"acl":[{"principal":"club","permission":"read"}]}""")).AssertOk();
        (await claimer.ReadAsync(hash)).AssertError(404, "not_found");
        (await reader.ReadAsync(hash)).AssertError(404, "not_found");
        (await reader.ClaimAsync(hash)).AssertError(404, "not_found");
        Assert.Equal(200, (await friend.ReadAsync(hash)).Status);
        Assert.Equal(204, (await owner.ReleaseForAsync("shared", hash)).Status);
        (await friend.ReadAsync(hash)).AssertError(404, "not_found");
        Assert.Equal(200, (await owner.ReadAsync(hash)).Status);
        Assert.Equal(204, (await owner.ReleaseAsync(hash)).Status);
        (await owner.ReadAsync(hash)).AssertError(404, "not_found");                     // it is there for a day, and nobody's
        (await owner.ClaimAsync(hash)).AssertError(404, "not_found");
    }

    [Fact]
    public async Task Document_that_expires_or_goes_takes_its_blobs_along()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        string hash = await alice.StoreAsync(Noise(100)), other = await alice.StoreAsync(Noise(101));
        await alice.ShareAsync("short", hash, """[{"principal":"oidc:bob","permission":"read"}]""");
        await alice.ShareAsync("long", other, """[{"principal":"oidc:bob","permission":"read"}]""");
        (await alice.PutAsync(DocumentRoot + "/short/expiration", """{"expiresAt":"2026-11-21T12:10:00Z"}""")).AssertOk();
        Assert.Equal(402, (await alice.GetAsync(Root)).AssertOk().GetProperty("quotaUsed").GetInt32());
        Assert.Equal(200, (await bob.ReadAsync(hash)).Status);
        server.Clock.Advance(TimeSpan.FromMinutes(10));
        (await bob.ReadAsync(hash)).AssertError(404, "not_found");
        Assert.Equal(204, (await alice.DeleteAsync(DocumentRoot + "/long")).Status);
        (await bob.ReadAsync(other)).AssertError(404, "not_found");
        (await alice.GetAsync(DocumentRoot + "/long/blobs")).AssertError(404, "not_found");
        await server.Directory_.SweepAsync(100, CancellationToken.None);
        Assert.Equal(201, (await alice.GetAsync(Root)).AssertOk().GetProperty("quotaUsed").GetInt32());
        Assert.Equal(200, (await alice.ReadAsync(hash)).Status);
    }

    [Fact]
    public async Task Document_that_is_named_is_the_only_one_looked_at()
    {
        await using RestServer server = await RestServer.StartAsync();
        (string hash, Dictionary<string, RestUser> users) = await SharedAsync(server);
        RestUser owner = users["owner"], reader = users["reader"], stranger = users["stranger"];
        await owner.CreateAsync("""{"id":"empty","acl":[{"principal":"oidc:reader","permission":"read"}]}""");
        Assert.Equal(200, (await reader.ReadAsync(hash + "?document=shared")).Status);
        Assert.Equal(200, (await reader.SendAsync(HttpMethod.Post, $"{Root}/{hash}/links?document=doc:shared")).Status);
        (await reader.ReadAsync(hash + "?document=empty")).AssertError(404, "not_found");
        (await reader.ReadAsync(hash + "?document=none")).AssertError(404, "not_found");
        (await owner.ReadAsync(hash + "?document=empty")).AssertError(404, "not_found");
        (await stranger.ReadAsync(hash + "?document=shared")).AssertError(404, "not_found");
        (await server.SendAsync(HttpMethod.Get, $"{Root}/{hash}?document=shared")).AssertError(401, "unauthorized");
        (await server.SendAsync(HttpMethod.Get, $"{Root}/{hash}?document=none")).AssertError(401, "unauthorized");
        (await reader.ReadAsync(hash + "?document=shared&document=empty")).AssertError(400, "invalid_request");
        (await reader.SendAsync(HttpMethod.Post, $"{Root}/{hash}/claim?document=shared")).AssertOk();
    }

    [Fact]
    public async Task Media_type_belongs_to_the_claim()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob"), carol = await server.SignInAsync("carol");
        byte[] bytes = Noise(100);
        string hash = await alice.StoreAsync(bytes, "text/plain");
        await bob.StoreAsync(bytes, "image/png");
        await alice.ShareAsync("notes", hash, """[{"principal":"oidc:carol","permission":"read"}]""");
        Assert.Equal("text/plain", (await alice.ReadAsync(hash)).ContentType);
        Assert.Equal("image/png", (await bob.ReadAsync(hash)).ContentType);
        Assert.Equal("text/plain", (await carol.ReadAsync(hash)).ContentType);
    }

    [Fact]
    public async Task Stranger_cannot_tell_whether_others_have_a_blob()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), eve = await server.SignInAsync("eve");
        byte[] secret = Noise(3000), unknown = Noise(3000, 1);
        string hash = await alice.StoreAsync(secret), none = HashOf(unknown);
        await eve.CreateAsync("""{"id":"eves"}""");
        foreach (Func<string, Task<RestAnswer>> ask in new Func<string, Task<RestAnswer>>[]
        {
            h => eve.ReadAsync(h),
            h => eve.SendAsync(HttpMethod.Head, $"{Root}/{h}"),
            h => eve.ReadAsync(h, ("If-None-Match", $"\"{h}\"")),
            h => eve.ReadAsync(h, ("Range", "bytes=0-0")),
            h => eve.ReadAsync(h + "?document=eves"),
            h => eve.ClaimAsync(h),
            h => eve.ReleaseAsync(h),
            h => eve.ClaimForAsync("eves", h),
            h => eve.ReleaseForAsync("eves", h),
            h => eve.PostAsync($"{Root}/{h}/links", "{}"),
            h => server.SendAsync(HttpMethod.Get, $"{Root}/{h}"),
            h => server.SendAsync(HttpMethod.Head, $"{Root}/{h}"),
        })
        {
            RestAnswer there = await ask(hash), absent = await ask(none);
            Assert.Equal((absent.Status, absent.Text), (there.Status, there.Text));
            Assert.Equal(absent.Headers.Keys.Order(), there.Headers.Keys.Order());
        }

        // Uploading what others have goes as uploading what nobody has.
        JsonElement[] completed = new JsonElement[2];
        foreach ((byte[] bytes, int i) in new[] { (secret, 0), (unknown, 1) })
        {
            string upload = await eve.BeginAsync(bytes.Length, expectedHash: HashOf(bytes));
            await eve.ChunksAsync(upload, bytes, 1024);
            completed[i] = (await eve.CompleteAsync(upload)).AssertOk();
        }

        Assert.False(completed[0].GetProperty("deduplicated").GetBoolean());
        Assert.Equal(completed[1].GetRawText().Replace(none, "", StringComparison.Ordinal), completed[0].GetRawText().Replace(hash, "", StringComparison.Ordinal));
        Assert.Equal(6000, (await eve.GetAsync(Root)).AssertOk().GetProperty("quotaUsed").GetInt32());
        Assert.False((await (await server.SignInAsync("mallory")).TakeAsync(secret)).AssertOk().GetProperty("deduplicated").GetBoolean());
    }

    [Fact]
    public async Task Tokens_bind_uploads_and_lists()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        string upload = await alice.BeginAsync(10), one = $"{Root}/upload/{upload}";
        foreach (string[] scopes in new string[][] { ["read"], [], ["documents:write"], ["doc:a", "blobs:write"], ["tokens:manage"] })
        {
            RestUser token = await server.TokenAsync(alice, scopes);
            Assert.Contains("blobs:write", (await token.PostAsync(Root + "/upload/init", """{"size":1,"mimeType":"a/b"}""")).AssertError(403, "insufficient_scope"), StringComparison.Ordinal);
            (await token.ChunkAsync(upload, 0, Noise(10))).AssertError(403, "insufficient_scope");
            (await token.CompleteAsync(upload)).AssertError(403, "insufficient_scope");
            (await token.GetAsync(one)).AssertError(403, "insufficient_scope");
            (await token.DeleteAsync(one)).AssertError(403, "insufficient_scope");
            (await token.TakeAsync(Noise(10))).AssertError(403, "insufficient_scope");
        }

        RestUser uploader = await server.TokenAsync(alice, "blobs:write"), reader = await server.TokenAsync(alice, "read");
        (await uploader.ChunkAsync(upload, 0, Noise(10))).AssertOk();
        (await uploader.CompleteAsync(upload)).AssertOk();
        (await uploader.GetAsync(Root)).AssertError(403, "insufficient_scope");
        (await (await server.TokenAsync(alice, "doc:a", "read")).GetAsync(Root)).AssertError(403, "insufficient_scope");
        Assert.Equal(1, (await reader.GetAsync(Root)).AssertOk().GetProperty("total").GetInt32());
    }

    // owner's documents: shared, which claims it, for reader, writer, claimer and whoever can see club; club, for friend.
    private static async Task<(string Hash, Dictionary<string, RestUser> Users)> SharedAsync(RestServer server)
    {
        Dictionary<string, RestUser> users = [];
        foreach (string name in new[] { "owner", "claimer", "reader", "writer", "friend", "stranger" }) users[name] = await server.SignInAsync(name);
        string hash = await users["owner"].StoreAsync(Noise(1000));
        await users["owner"].CreateAsync("""{"id":"club","acl":[{"principal":"oidc:friend","permission":"read"}]}""");
        await users["owner"].ShareAsync(
            "shared",
            hash,
            """
            [{"principal":"oidc:claimer","permission":"read"},{"principal":"oidc:reader","permission":"read"},{"principal":"oidc:writer","permission":"write"},{"principal":"club","permission":"read"}]
            """);
        (await users["claimer"].ClaimAsync(hash)).AssertOk();
        return (hash, users);
    }
}
