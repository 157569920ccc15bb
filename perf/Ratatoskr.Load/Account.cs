using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Ratatoskr.Load;

/// <summary>Somebody who has signed in through the development provider, with an API token and documents.</summary>
internal sealed partial class Account
{
    // The store commits what waits together: more callers, fewer syncs of the disk.
    private const int RegistrationsAtOnce = 64;

    private Account(string session, string token, string[] documents) => (Session, Token, Documents) = (session, token, documents);

    /// <summary>A session token.</summary>
    public string Session { get; }

    /// <summary>An API token.</summary>
    public string Token { get; }

    /// <summary>Ids of the documents he owns.</summary>
    public string[] Documents { get; }

    public static async Task<Account> CreateAsync(int port, string name, int documentCount)
    {
        using HttpClient http = new() { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        string session = await SignInAsync(http, name);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", session);
        string token = (await PostAsync(http, "/api/v1/auth/api-tokens", """{"name":"load"}""")).GetProperty("token").GetString()!;
        string[] documents = new string[documentCount];
        await Parallel.ForAsync(0, documentCount, new ParallelOptions { MaxDegreeOfParallelism = RegistrationsAtOnce }, async (i, _) =>
            documents[i] = (await PostAsync(http, "/api/v1/documents", "{}")).GetProperty("id").GetString()!);
        return new Account(session, token, documents);
    }

    // As the README shows it for a shell.
    private static async Task<string> SignInAsync(HttpClient http, string name)
    {
        using HttpRequestMessage login = new(HttpMethod.Get, "/api/v1/auth/login") { Headers = { { "Accept", "application/json" } } };
        using HttpResponseMessage answer = await http.SendAsync(login);
        string url = (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>()).GetProperty("url").GetString()!;
        string request = RequestField().Match(await http.GetStringAsync(new Uri(url))).Groups[1].Value;
        using FormUrlEncodedContent form = new([new("name", name), new("request", request)]);
        using HttpResponseMessage page = await http.PostAsync(new Uri("/development-provider/authorize", UriKind.Relative), form);
        return TokenField().Match(await page.EnsureSuccessStatusCode().Content.ReadAsStringAsync()).Groups[1].Value;
    }

    private static async Task<JsonElement> PostAsync(HttpClient http, string path, string json)
    {
        using StringContent body = new(json, new MediaTypeHeaderValue("application/json"));
        using HttpResponseMessage answer = await http.PostAsync(new Uri(path, UriKind.Relative), body);
        return await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>();
    }

    [GeneratedRegex("name=\"request\" value=\"([^\"]*)\"")]
    private static partial Regex RequestField();

    [GeneratedRegex("\"token\":\"([^\"]*)\"")]
    private static partial Regex TokenField();
}
