using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Endpoints;
using Ratatoskr.Http.Oidc;
using Ratatoskr.Http.OpenApi;
using Ratatoskr.Http.Tokens;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite;

namespace Ratatoskr.Http.Tests.Support;

/// <summary>Sign-in and tokens over real HTTP: Kestrel on a free port, accounts in SQLite, a control log that notes what it was told.</summary>
internal sealed partial class SignInServer : IAsyncDisposable
{
    private static readonly OpenApiReading s_description = new(OpenApiDocument.Build());

    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-sign-in-").FullName;
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
    private WebApplication _app = null!;
    private SqliteAccountStore _accounts = null!;

    public Uri Address { get; private set; } = null!;

    public NotedControlLog Control { get; } = new();

    public NotedLog Log { get; } = new();

    public IAccountStore Accounts => _accounts;

    public AuthServices Services { get; private set; } = null!;

    public SessionTokens Sessions { get; private set; } = null!;

    /// <param name="provider">null: the development provider.</param>
    public static async Task<SignInServer> StartAsync(OidcSettings? provider = null, TimeProvider? time = null, string[]? origins = null, Action<WebApplication>? pages = null)
    {
        SignInServer server = new();
        await server.RunAsync(provider, time ?? TimeProvider.System, origins ?? [], pages);
        return server;
    }

    public async Task<RestAnswer> SendAsync(HttpMethod method, string path, string? token = null, HttpContent? body = null, params (string Name, string Value)[] headers)
    {
        using HttpRequestMessage request = new(method, path.StartsWith("http", StringComparison.Ordinal) ? new Uri(path) : new Uri(Address, path)) { Content = body };
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach ((string name, string value) in headers)
        {
            if (name == "Host") request.Headers.Host = value;
            else Assert.True(request.Headers.TryAddWithoutValidation(name, value), name);
        }

        using HttpResponseMessage response = await _client.SendAsync(request);
        RestAnswer answer = await RestAnswer.ReadAsync(response);
        s_description.AssertDescribed(method, request.RequestUri!.AbsolutePath, answer.Status);
        return answer;
    }

    public Task<RestAnswer> GetAsync(string path, string? token = null) => SendAsync(HttpMethod.Get, path, token);

    public Task<RestAnswer> PostAsync(string path, string? token, string json) => SendAsync(HttpMethod.Post, path, token, RestUser.Json(json));

    /// <summary>Begins a sign-in; gives where the browser would go.</summary>
    public async Task<(Uri Url, Dictionary<string, StringValues> Query)> BeginAsync(string query = "")
    {
        RestAnswer answer = await SendAsync(HttpMethod.Get, "/api/v1/auth/login" + query, headers: ("Accept", "application/json"));
        Uri url = new(answer.AssertOk().GetProperty("url").GetString()!);
        Dictionary<string, StringValues> parameters = QueryHelpers.ParseQuery(url.Query);
        Assert.Equal(parameters["state"], answer.Json.GetProperty("state").GetString());
        return (url, parameters);
    }

    /// <summary>Signs in by the development provider up to the last page.</summary>
    public async Task<RestAnswer> SignInPageAsync(string name, string query = "")
    {
        (Uri url, _) = await BeginAsync(query);
        RestAnswer form = await GetAsync(url.AbsoluteUri);
        RestAnswer redirect = await SendFormAsync(FormSecret().Match(form.Text).Groups[1].Value, name);
        Assert.Equal(303, redirect.Status);
        return await GetAsync(redirect.Headers["Location"]);
    }

    public Task<RestAnswer> SendFormAsync(string secret, string name, string @do = "sign-in", params (string Name, string Value)[] headers) => SendAsync(
        HttpMethod.Post, "/development-provider/authorize", null,
        new FormUrlEncodedContent(new Dictionary<string, string> { ["request"] = secret, ["name"] = name, ["do"] = @do }), headers);

    /// <summary>The session token of somebody who signed in by the development provider.</summary>
    public async Task<string> SignInAsync(string name) => PageData(await SignInPageAsync(name)).GetProperty("token").GetString()!;

    /// <summary>What the page's script would read.</summary>
    public static JsonElement PageData(RestAnswer page)
    {
        Match data = AuthData().Match(page.Text);
        Assert.True(data.Success, $"{page.Status}: {page.Text}");
        return JsonDocument.Parse(data.Groups[1].Value).RootElement;
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _app.DisposeAsync();
        Services.Dispose();
        await _accounts.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task RunAsync(OidcSettings? provider, TimeProvider time, string[] origins, Action<WebApplication>? pages)
    {
        _accounts = await SqliteAccountStore.OpenAsync(new SqliteAccountStoreOptions
        {
            Folder = _folder,
            NewDocumentId = static () => DocumentId.FromPayload(RandomNumberGenerator.GetBytes(16)),
            DefaultQuotas = new UserQuotas(10, 20, 30, 40, 50),
            Time = time,
            TokenUseInterval = TimeSpan.FromMilliseconds(10),
        });
        Sessions = new SessionTokens(_key);
        ApiTokens tokens = new(RandomNumberGenerator.GetBytes(32));
        PublicAddress address = new(null);
        Services = new AuthServices(new AuthOptions
        {
            Store = _accounts,
            Control = Control,
            Authenticator = new AccountAuthenticator(_accounts, Sessions, tokens, time),
            Sessions = Sessions,
            Tokens = tokens,
            Address = address,
            Limiter = new RateLimiter(RateLimits.None),
            Log = Log,
            Time = time,
            Provider = provider,
            AllowedOrigins = origins,
        });
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.UseErrorAnswers(Log);
        _app.UseRouting();
        _app.MapAuth(Services);
        pages?.Invoke(_app);
        await _app.StartAsync();
        Address = address.Listening = new Uri(_app.Urls.First());
    }

    [GeneratedRegex("name=\"request\" value=\"([^\"]*)\"")]
    public static partial Regex FormSecret();

    [GeneratedRegex("<script id=\"auth-data\" type=\"application/json\">(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex AuthData();
}
