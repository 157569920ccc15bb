using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Http.Tests.Support;
using SharedTests.Fuzzing;

namespace Ratatoskr.Fuzzing.Tests.Rest;

/// <summary>Requests to the API with bodies, names, queries and headers of every kind: never a 5xx, every refusal in the one shape and without our insides, and nobody else's document moved, or blob read.</summary>
public class RestTargets
{
    private const string Root = "/api/v1/documents";
    private const string Blobs = "/api/v1/blobs";

    // Bob's, whom nobody else can read.
    private static readonly byte[] Secret = [.. Enumerable.Range(0, 500).Select(i => (byte)(i * 7))];
    private static readonly string SecretHash = Convert.ToHexStringLower(SHA256.HashData(Secret));

    private static readonly string[] Bodies =
    [
        "{}", """{"id":"notes","type":"t","acl":[{"principal":"public","permission":"read"}],"expiresAt":"2030-01-01T00:00:00Z"}""", """{"acl":[{"principal":"oidc:bob","permission":"write"}]}""",
        """{"type":"note"}""", """{"expiresAt":null}""", """{"expiresAt":"2030-01-01T00:00:00+02:00"}""", """{"content":{"a":[1,2.5,true,null,"x",{"b":{}}]}}""", """{"name":"ci","scopes":["read"],"expiresAt":"2030-01-01T00:00:00Z"}""",
        """{"size":3000,"mimeType":"image/png","chunkSize":1024,"expectedHash":null}""", """{"expiresIn":60}""",
    ];

    private static readonly string[] Names =
        ["mine", "bobs", "missing", "doc:mine", "eph:x", "a%00b", "%FF", "%ud800", "..%2F", "%27%20OR%201%3D1--", "%F0%9F%98%80", new('x', 300), "oidc:bob", "app", "2j9knpCseyhnK8izDmLpGP5WMdZQ", "%20", "%0d%0a", SecretHash, SecretHash, new('0', 64), "4c4c4c4c-4c4c-4c4c-8c4c-4c4c4c4c4c4c"];

    private static readonly (string Verb, string Pattern)[] Operations =
    [
        ("GET", Root), ("HEAD", Root), ("POST", Root), ("POST", Root), ("GET", Root + "/app/{}"), ("GET", Root + "/{}"), ("DELETE", Root + "/{}"), ("GET", Root + "/{}/acl"), ("PUT", Root + "/{}/acl"), ("PUT", Root + "/{}/acl"),
        ("PUT", Root + "/{}/type"), ("PUT", Root + "/{}/expiration"), ("PUT", Root + "/{}/expiration"), ("PUT", Root + "/{}/content"), ("PUT", Root + "/{}/content"), ("GET", Root + "/{}/export"), ("GET", Root + "/{}/history"),
        ("GET", Root + "/{}/snapshot"), ("GET", Root + "/{}/diff"), ("POST", "/api/v1/auth/api-tokens"), ("GET", "/api/v1/auth/api-tokens"), ("DELETE", "/api/v1/auth/api-tokens/{}"), ("POST", "/api/v1/auth/token"),
        ("GET", "/api/v1/auth/userinfo"), ("GET", Blobs), ("POST", Blobs), ("POST", Blobs), ("POST", Blobs + "/upload/init"), ("GET", Blobs + "/upload/{}"), ("DELETE", Blobs + "/upload/{}"), ("PUT", Blobs + "/upload/{}/chunk/0"),
        ("PUT", Blobs + "/upload/{}/chunk/{}"), ("POST", Blobs + "/upload/{}/complete"), ("GET", Blobs + "/{}"), ("GET", Blobs + "/{}"), ("HEAD", Blobs + "/{}"), ("POST", Blobs + "/{}/claim"), ("DELETE", Blobs + "/{}/claim"),
        ("POST", Blobs + "/{}/links"), ("GET", Root + "/mine/blobs"), ("POST", Root + "/mine/blobs/{}"), ("DELETE", Root + "/mine/blobs/{}"),
    ];

    private static readonly string[] Queries =
    [
        "", "?limit=10", "?limit=0", "?limit=-1", "?limit=99999999999999999999", "?limit=1&limit=2", "?cursor=x", "?cursor=AAAA", "?cursor=%00", "?filter=owned", "?filter=x", "?includePublic=maybe", "?includePublic=true",
        "?format=json", "?format=automerge", "?format=", "?format=x&format=y", "?heads=00", "?heads=" + new string('0', 64), "?heads=" + new string('z', 64), "?heads=,,", "?from=initial", "?from=" + new string('f', 64),
        "?from=initial&to=" + new string('0', 64), "?%ff=%ff", "?a=" + new string('b', 3000), "?before=1&after=2", "?type=%00", "?offset=2147483648", "?offset=7&limit=1",
        "?document=bobs", "?document=missing", "?document=%00&inline", "?inline=x", "?expectedHash=" + new string('0', 64), "?expectedHash=x", "?signature=", "?expires=9999999999&type=a%2Fb&signature=" + new string('A', 43),
        "?expires=x&type=%0d%0a&signature=%00",
    ];

    private static readonly string[] Strings =
    [
        "", "public", "oidc:bob", "doc:mine", "read", "write", "2030-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00Z", "2030-02-30T00:00:00Z", "2030-01-01", "1e9", "\0", "\ud83d\ude00", "é", "' OR 1=1 --",
        "../..", "notes", "eph:x", "doc:", ":", " ", new('y', 5000), "<script>", "%s%n", "\u202e", "2j9knpCseyhnK8izDmLpGP5WMdZQ",
    ];

    private static readonly string[] Fields = ["id", "automergeId", "type", "acl", "expiresAt", "principal", "permission", "content", "name", "scopes", "size", "mimeType", "chunkSize", "expectedHash", "expiresIn", "__proto__", ""];

    private static readonly string[] Matches = ["\"1\"", "*", "bytes=0-", "bytes=-1", "bytes=9-1,", "bytes=0-0,1-1", "bytes=", "W/\"1\"", "\"", "1", "\"1\", \"2\"", "\"99999999999999999999\"", ""];

    [Fact]
    public void Requests()
    {
        RestServer server = Wait(RestServer.StartAsync(new RestServerOptions { Rates = RateLimits.None }));
        try
        {
            RestUser alice = Wait(server.SignInAsync("alice")), bob = Wait(server.SignInAsync("bob"));
            Wait(bob.CreateAsync("""{"id":"bobs","acl":[{"principal":"oidc:alice","permission":"read"}]}"""));
            using ByteArrayContent secret = new(Secret);
            Assert.Equal(200, Wait(bob.SendAsync(HttpMethod.Post, Blobs, secret)).Status);
            string bobs = Wait(bob.GetAsync($"{Root}/bobs")).Text;
            FuzzRun.Run(1500, one =>
            {
                if (one.OneIn(10)) Wait(alice.PostAsync(Root, """{"id":"mine"}"""));
                RestAnswer answer = Send(one, server, one.OneIn(12) ? null : alice.Token);
                one.Note($"{answer.Status}");
                if (one.OneIn(20)) Assert.Equal(bobs, Wait(bob.GetAsync($"{Root}/bobs")).Text);
                if (one.OneIn(20)) Assert.Equal(404, Wait(alice.GetAsync($"{Blobs}/{SecretHash}")).Status);
                if (one.OneIn(40)) Assert.Equal(Secret, Wait(bob.GetAsync($"{Blobs}/{SecretHash}")).Bytes);
                return Check(answer);
            });
        }
        finally
        {
            Stop(server);
        }
    }

    // The cases run on a thread of their own, so that nothing waits for this one.
    private static T Wait<T>(Task<T> task) => task.GetAwaiter().GetResult();

    private static void Stop(RestServer server) => server.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private static RestAnswer Send(FuzzCase one, RestServer server, string? token)
    {
        (string verb, string pattern) = one.Pick(Operations);
        HttpMethod method = new(verb);
        string path = pattern.Replace("{}", one.OneIn(3) ? "mine" : one.Pick(Names), StringComparison.Ordinal) + (one.OneIn(2) ? one.Pick(Queries) : "");
        ByteArrayContent? body = null;
        if (verb is "POST" or "PUT" || one.OneIn(10))
        {
            byte[] bytes = Body(one);
            one.Input = [.. Encoding.UTF8.GetBytes($"{method} {path}\n"), .. bytes];
            body = new ByteArrayContent(bytes);
            body.Headers.TryAddWithoutValidation("Content-Type", one.OneIn(15) ? one.Pick<string>(["text/plain", "application/octet-stream", "application/json; charset=utf-16", "application/", "x", "application/json;charset=\""]) : "application/json");
        }
        else
        {
            one.Input = Encoding.UTF8.GetBytes($"{method} {path}");
        }

        (string, string)[] headers = one.OneIn(3) ? [(one.Pick<string>(["If-Match", "If-None-Match", "Range", "If-Range", "Accept"]), one.Pick(Matches))] : [];
        return one.Call(1, long.MaxValue / 8, () => server.SendAsync(method, path, token, body, headers).GetAwaiter().GetResult());
    }

    private static byte[] Body(FuzzCase one)
    {
        JsonNode body = JsonNode.Parse(one.Pick(Bodies))!;
        for (int count = one.Random.Next(4); count > 0; count--) MutateTree(one, body);
        byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(body);
        return one.OneIn(4) ? ByteMutator.Mutate(one.Random, bytes, [.. Strings.Select(text => Encoding.UTF8.GetBytes(text)), "\\ud800"u8.ToArray(), "[[[[[[[["u8.ToArray(), "{\"a\":"u8.ToArray(), "1e999"u8.ToArray()]) : bytes;
    }

    private static void MutateTree(FuzzCase one, JsonNode node)
    {
        switch (node)
        {
            case JsonObject { Count: > 0 } map when !one.OneIn(3):
                KeyValuePair<string, JsonNode?> pair = one.Pick<KeyValuePair<string, JsonNode?>>([.. map]);
                if (pair.Value is JsonObject or JsonArray && one.OneIn(2)) MutateTree(one, pair.Value);
                else if (one.OneIn(5)) map.Remove(pair.Key);
                else map[pair.Key] = Value(one, 0);
                break;
            case JsonObject map: map[one.Pick(Fields)] = Value(one, 0); break;
            case JsonArray { Count: > 0 } list when one.OneIn(2) && list[0] is { } first: MutateTree(one, first); break;
            case JsonArray list when one.OneIn(6):
                for (int count = one.Random.Next(1200); count > 0; count--) list.Add(JsonNode.Parse("""{"principal":"public","permission":"read"}"""));
                break;
            case JsonArray list: list.Add(Value(one, 0)); break;
        }
    }

    private static JsonNode? Value(FuzzCase one, int depth) => one.Random.Next(depth > 60 ? 5 : 9) switch
    {
        0 => null,
        1 => JsonValue.Create(one.OneIn(2)),
        2 => JsonValue.Create(one.Random.NextInt64()),
        3 => JsonValue.Create(one.Random.NextDouble() * 1e300),
        4 or 5 or 6 => JsonValue.Create(one.Pick(Strings)),
        7 => new JsonArray(Value(one, depth + 1), Value(one, depth + 2)),
        _ => new JsonObject { [one.Pick(Fields)] = Value(one, depth + 1) },
    };

    private static string? Check(RestAnswer answer)
    {
        Assert.True(answer.Status < 500, $"{answer.Status}: {answer.Text}");
        if (answer.Status < 400) return null;
        foreach (string inside in (string[])["   at ", "SQLite", "Exception", "System.", "/src/", ".cs:"]) Assert.DoesNotContain(inside, answer.Text, StringComparison.OrdinalIgnoreCase);
        if (answer.Bytes.Length == 0) return $"{answer.Status} without a body";
        return $"{answer.Status} {answer.Json.GetProperty("error").GetString()}";
    }
}
