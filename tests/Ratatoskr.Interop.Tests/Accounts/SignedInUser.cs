using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Web;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Accounts;

/// <summary>Somebody who has signed in at the development provider, by the very requests a browser or a program makes.</summary>
internal sealed partial class SignedInUser : IDisposable
{
    private SignedInUser(TestServer server, string id, string token)
    {
        Id = id;
        Rest = new RestClient(server, token);
    }

    /// <summary>As access lists name him.</summary>
    public string Id { get; }

    public string Token => Rest.Token!;

    public RestClient Rest { get; }

    /// <summary>Somebody new.</summary>
    public static Task<SignedInUser> NewAsync(TestServer server, string name) => SignInAsync(server, $"{name}-{Guid.NewGuid():N}");

    /// <summary>As a browser does: the popup's page, the provider's form, and back to the page that would post the token.</summary>
    public static async Task<SignedInUser> SignInAsync(TestServer server, string name)
    {
        using HttpClient browser = Browser(server);
        using HttpResponseMessage form = await browser.GetAsync("/api/v1/auth/login?origin=" + Uri.EscapeDataString(server.HttpUrl));
        using HttpResponseMessage page = await AnswerFormAsync(server, browser, form, name);
        JsonNode data = await PageDataAsync(page);
        return new SignedInUser(server, (string)data["user"]!["id"]!, (string)data["token"]!);
    }

    /// <summary>As a program on the user's machine does: PKCE, a redirect to itself with a code, and the code for a token.</summary>
    public static async Task<SignedInUser> SignInProgramAsync(TestServer server, string name)
    {
        string verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        string challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
        using HttpClient browser = Browser(server);
        using HttpResponseMessage form = await browser.GetAsync(
            $"/api/v1/auth/login?redirect_uri={Uri.EscapeDataString("http://127.0.0.1:9/back")}&code_challenge={challenge}&code_challenge_method=S256&state=mine");
        using HttpResponseMessage page = await AnswerFormAsync(server, browser, form, name);
        Uri approve = new((string)(await PageDataAsync(page))["approveUrl"]!);
        System.Collections.Specialized.NameValueCollection back = HttpUtility.ParseQueryString(approve.Query);
        Assert.Equal(("127.0.0.1:9", "/back", "mine"), (approve.Authority, approve.AbsolutePath, back["state"]));
        using RestClient nobody = new(server, null);
        JsonNode answer = (await nobody.PostAsync("/auth/token", $$"""{"code":"{{back["code"]}}","state":"mine","code_verifier":"{{verifier}}"}""")).Good().Json;
        return new SignedInUser(server, (string)answer["user"]!["id"]!, (string)answer["token"]!);
    }

    public void Dispose() => Rest.Dispose();

    private static HttpClient Browser(TestServer server)
    {
        HttpClient browser = new(LoopbackAddresses.HandlerFrom(LoopbackAddresses.Next())) { BaseAddress = new Uri(server.HttpUrl) };
        browser.DefaultRequestHeaders.Add("Accept", "text/html");
        return browser;
    }

    // The redirects in between are followed as a browser follows them.
    private static async Task<HttpResponseMessage> AnswerFormAsync(TestServer server, HttpClient browser, HttpResponseMessage form, string name)
    {
        string html = await form.Content.ReadAsStringAsync();
        Match secret = FormSecret().Match(html);
        Assert.True(secret.Success, $"No form: {form.StatusCode} {html}");
        using HttpRequestMessage answer = new(HttpMethod.Post, form.RequestMessage!.RequestUri!.GetLeftPart(UriPartial.Path));
        answer.Headers.Add("Origin", server.HttpUrl);
        answer.Content = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["request"] = WebUtility.HtmlDecode(secret.Groups[1].Value),
            ["name"] = name,
            ["do"] = "sign-in",
        });
        return await browser.SendAsync(answer);
    }

    private static async Task<JsonNode> PageDataAsync(HttpResponseMessage page)
    {
        string html = await page.Content.ReadAsStringAsync();
        Match data = PageData().Match(html);
        Assert.True(data.Success, $"No page: {page.StatusCode} {html}");
        return JsonNode.Parse(data.Groups[1].Value)!;
    }

    [GeneratedRegex("name=\"request\" value=\"([^\"]+)\"")]
    private static partial Regex FormSecret();

    [GeneratedRegex("<script id=\"auth-data\" type=\"application/json\"[^>]*>(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex PageData();
}
