using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Accounts.Attacks;

/// <summary>Many at once do not get past what one may have, nor a foreign page past the list of origins.</summary>
public class LimitTests
{
    private const int DocumentsMax = 3, DocumentSizeMax = 20_000, StorageMax = 40_000;

    [Fact]
    public async Task Many_at_once_get_no_more_than_one_may_have()
    {
        await using TestServer server = await TestServer.StartWithAccountsAsync(
            ("DEFAULT_MAX_DOCUMENTS", $"{DocumentsMax}"), ("DEFAULT_MAX_DOCUMENT_SIZE", $"{DocumentSizeMax}"), ("DEFAULT_MAX_TOTAL_STORAGE", $"{StorageMax}"));
        using SignedInUser owner = await SignedInUser.SignInAsync(server, "owner");

        RestAnswer[] created = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => owner.Rest.PostAsync("/documents", "{}")));
        string[] documents = [.. created.Where(answer => answer.Status == 200).Select(answer => (string)answer.Json["automergeId"]!)];
        Assert.Equal(DocumentsMax, documents.Length);
        foreach (RestAnswer refused in created.Where(answer => answer.Status != 200)) AssertQuota(refused, "maxDocuments", DocumentsMax);

        // 3 × 4 writers of about 6 KB each: 20,000 bytes hold three in a document, 40,000 six or seven in all.
        RestAnswer[] written = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => owner.Rest.PutAsync(
            $"/documents/{documents[i % DocumentsMax]}/content", $$"""{"noise":"{{Convert.ToBase64String(RandomNumberGenerator.GetBytes(6_000))}}"}""")));
        int stored = 0;
        foreach (string document in documents) stored += (await owner.Rest.HistoryAsync(document)).Length;
        Assert.InRange(stored, 4, 7);
        Assert.Equal(stored, written.Count(answer => answer.Status == 200));
        foreach (RestAnswer refused in written.Where(answer => answer.Status != 200))
            AssertQuota(refused, (string)refused.Json["quota"]! == "maxDocumentSize" ? "maxDocumentSize" : "maxTotalStorage", refused.Text.Contains("maxDocumentSize", StringComparison.Ordinal) ? DocumentSizeMax : StorageMax);

        // What is deleted makes room.
        (await owner.Rest.DeleteAsync($"/documents/{documents[0]}")).Good();
        (await owner.Rest.DeleteAsync($"/documents/{documents[1]}")).Good();
        string next = await owner.Rest.CreateAsync();
        (await owner.Rest.PutAsync($"/documents/{next}/content", $$"""{"noise":"{{Convert.ToBase64String(RandomNumberGenerator.GetBytes(6_000))}}"}""")).Good();
        JsonNode usage = (await owner.Rest.GetAsync("/auth/userinfo")).Good().Json["usage"]!;
        Assert.Equal(2, (int)usage["documents"]!);
        Assert.InRange((long)usage["storage"]!, 0, StorageMax);
    }

    [Fact]
    public async Task Page_of_an_origin_that_is_not_listed_gets_no_socket()
    {
        await using TestServer server = await TestServer.StartWithAccountsAsync(("CORS_ALLOWED_ORIGINS", "https://app.example.org"));

        await (await ConnectAsync(server, "https://app.example.org")).CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        WebSocketException refused = await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(server, "https://evil.example.org"));

        Assert.Contains("403", refused.Message, StringComparison.Ordinal);
    }

    private static async Task<ClientWebSocket> ConnectAsync(TestServer server, string origin)
    {
        ClientWebSocket socket = new();
        socket.Options.SetRequestHeader("Origin", origin);
        await socket.ConnectAsync(new Uri(server.SyncUrl), CancellationToken.None);
        return socket;
    }

    private static void AssertQuota(RestAnswer refused, string quota, long limit)
    {
        refused.Refused(403, "quota_exceeded");
        Assert.Equal((quota, limit), ((string)refused.Json["quota"]!, (long)refused.Json["limit"]!));
        Assert.InRange((long)refused.Json["current"]!, 0, limit);
    }
}
