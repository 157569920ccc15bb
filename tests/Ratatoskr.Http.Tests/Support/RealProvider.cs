using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Ratatoskr.Http.Oidc;

namespace Ratatoskr.Http.Tests.Support;

/// <summary>npm oidc-provider in a Node process, and a person who signs in there without a browser.</summary>
internal sealed partial class RealProvider : IAsyncDisposable
{
    private readonly Process _process;

    private RealProvider(Process process, string issuer, string secret)
    {
        _process = process;
        Issuer = issuer;
        Secret = secret;
    }

    public string Issuer { get; }

    public string Secret { get; }

    public static async Task<RealProvider> StartAsync()
    {
        Process process = Process.Start(new ProcessStartInfo("node", [Path.Combine(Tools.Node, "provider.mjs")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.ErrorDataReceived += static (_, _) => { }; // its warnings; unread, they would fill the pipe
        process.BeginErrorReadLine();
        JsonElement ready = JsonDocument.Parse(await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("the provider did not start")).RootElement;
        return new RealProvider(process, ready.GetProperty("issuer").GetString()!, ready.GetProperty("secret").GetString()!);
    }

    public OidcSettings Settings(string client) => new()
    {
        Issuer = Issuer,
        ClientId = client,
        ClientSecret = client switch
        {
            "basic-hs256" => Secret.PadRight(40, 'x'),
            _ when client.StartsWith("basic", StringComparison.Ordinal) => Secret,
            _ => null,
        },
    };

    public async Task RotateAsync()
    {
        await _process.StandardInput.WriteLineAsync("rotate");
        await _process.StandardInput.FlushAsync();
        Assert.Contains("rotate", await _process.StandardOutput.ReadLineAsync(), StringComparison.Ordinal);
    }

    /// <summary>Fills in the provider's forms.</summary>
    /// <returns>Where the provider sends the browser in the end: our callback.</returns>
    public async Task<string> VisitAsync(Uri authorization, string login)
    {
        using HttpClient browser = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false });
        Uri at = authorization;
        using HttpRequestMessage first = new(HttpMethod.Get, at);
        HttpResponseMessage answer = await browser.SendAsync(first);
        for (int step = 0; step < 20; step++)
        {
            if (answer.Headers.Location is { } location)
            {
                at = new Uri(at, location);
                if (at.AbsolutePath == "/api/v1/auth/callback") return at.AbsoluteUri;
                answer = await browser.GetAsync(at);
                continue;
            }

            string page = await answer.Content.ReadAsStringAsync();
            Match prompt = Prompt().Match(page), action = FormAction().Match(page);
            Assert.True(prompt.Success && action.Success, $"{(int)answer.StatusCode} at {at}: {page}");
            at = new Uri(at, WebUtility.HtmlDecode(action.Groups[1].Value));
            using FormUrlEncodedContent form = new(new Dictionary<string, string> { ["prompt"] = prompt.Groups[1].Value, ["login"] = login, ["password"] = "any" });
            answer = await browser.PostAsync(at, form);
        }

        throw new InvalidOperationException("the provider sends its visitor around in circles");
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    [GeneratedRegex("name=\"prompt\" value=\"([a-z]+)\"")]
    private static partial Regex Prompt();

    [GeneratedRegex("<form[^>]* action=\"([^\"]+)\"")]
    private static partial Regex FormAction();
}
