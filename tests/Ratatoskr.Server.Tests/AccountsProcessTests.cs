using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Ratatoskr.Server.Tests;

/// <summary>A server with accounts as somebody meets it who has nothing else installed: the README's commands, restarts, what stops a start.</summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class AccountsProcessTests : IDisposable
{
    private const int SigTerm = 15;

    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-accounts-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Keys => Path.Combine(_folder, "data", "keys");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_commands_of_the_README_sign_in_and_share_a_document()
    {
        using Process server = Start();
        Uri address = await AddressAsync(server);
        StringBuilder script = new("set -eu\n");
        string readme = await File.ReadAllTextAsync(Path.Combine(Root(), "README.md"), Cancel);
        readme = readme[readme.IndexOf("## Sign in", StringComparison.Ordinal)..readme.IndexOf("## Point a client", StringComparison.Ordinal)];
        foreach (Match block in ShellBlock().Matches(readme)) script.Append(block.Groups[1].Value.Replace("http://127.0.0.1:4151", address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal)).Append("echo\n");
        using Process shell = Process.Start(new ProcessStartInfo("bash", ["-c", script.Replace("\ncurl", "\necho; curl").ToString()]) { RedirectStandardOutput = true })!;
        string[] output = (await shell.StandardOutput.ReadToEndAsync(Cancel)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await shell.WaitForExitAsync(Cancel);

        Assert.Equal(0, shell.ExitCode);
        JsonElement[] answers = [.. output.Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(4, answers.Length);
        Assert.Equal("my program", answers[0].GetProperty("name").GetString());
        Assert.Equal(("notes", "dev:alice"), (answers[1].GetProperty("id").GetString(), answers[1].GetProperty("owner").GetString()));
        Assert.Equal("dev:bob", answers[2].GetProperty("acl")[0].GetProperty("principal").GetString());

        Assert.Equal(("notes", "text/plain"), (answers[3].GetProperty("documentId").GetString(), answers[3].GetProperty("mimeType").GetString()));

        // The shell has signed out; the program's token goes on.
        using HttpClient program = Client(address, answers[0].GetProperty("token").GetString()!);
        using JsonDocument document = JsonDocument.Parse(await program.GetStringAsync("/api/v1/documents/notes", Cancel));
        Assert.Equal("notes", document.RootElement.GetProperty("id").GetString());
        Assert.Equal("what is in the file", await program.GetStringAsync($"/api/v1/blobs/{answers[3].GetProperty("hash").GetString()}", Cancel));
        await StopAsync(server);
    }

    [Fact]
    public async Task A_restart_signs_nobody_out()
    {
        using Process first = Start();
        string session = await SignInAsync(await AddressAsync(first), "alice");
        await StopAsync(first);

        using Process second = Start();
        using HttpClient http = Client(await AddressAsync(second), session);
        Assert.Contains("dev:alice", await http.GetStringAsync("/api/v1/auth/userinfo", Cancel), StringComparison.Ordinal);
        await StopAsync(second);

        // With its key gone, the session is.
        File.Delete(Path.Combine(Keys, "session-signing.key"));
        using Process third = Start();
        using HttpClient again = Client(await AddressAsync(third), session);
        Assert.Equal(HttpStatusCode.Unauthorized, (await again.GetAsync("/api/v1/auth/userinfo", Cancel)).StatusCode);
        await StopAsync(third);
    }

    [Fact]
    public async Task Signing_out_ends_live_sockets()
    {
        using Process server = Start();
        Uri address = await AddressAsync(server);
        string session = await SignInAsync(address, "alice");
        using ClientWebSocket socket = new();
        await socket.ConnectAsync(new UriBuilder(address) { Scheme = "ws", Path = "/sync" }.Uri, Cancel);
        await socket.SendAsync(Hello(session), WebSocketMessageType.Binary, endOfMessage: true, Cancel);
        byte[] buffer = new byte[4096];
        WebSocketReceiveResult welcome = await socket.ReceiveAsync(buffer, Cancel);
        Assert.Contains("auth_ok", Encoding.UTF8.GetString(buffer, 0, welcome.Count), StringComparison.Ordinal);
        Assert.Contains("dev:alice", Encoding.UTF8.GetString(buffer, 0, welcome.Count), StringComparison.Ordinal);

        using HttpClient http = Client(address, session);
        Assert.Equal(HttpStatusCode.NoContent, (await http.PostAsync("/api/v1/auth/logout", null, Cancel)).StatusCode);

        WebSocketReceiveResult ended = await socket.ReceiveAsync(buffer, Cancel);
        if (ended.MessageType != WebSocketMessageType.Close)
        {
            Assert.Contains("invalid_token", Encoding.UTF8.GetString(buffer, 0, ended.Count), StringComparison.Ordinal);
            ended = await socket.ReceiveAsync(buffer, Cancel);
        }

        Assert.Equal(WebSocketCloseStatus.PolicyViolation, ended.CloseStatus);
        await StopAsync(server);
    }

    [Fact]
    public async Task A_key_that_others_may_read_stops_the_start()
    {
        using Process first = Start();
        await AddressAsync(first);
        await StopAsync(first);
        File.SetUnixFileMode(Path.Combine(Keys, "token-hashing.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        Assert.Contains("token-hashing.key may be read by others", await FailAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_issuer_stops_the_start()
    {
        (string, string)[] one = [("OIDC_ISSUER", "https://id.example.org/app/"), ("OIDC_CLIENT_ID", "sync"), ("HOST", "127.0.0.1")];
        using Process first = Start(one);
        await AddressAsync(first);
        await StopAsync(first);
        using Process again = Start(one);
        await AddressAsync(again);
        await StopAsync(again);
        Assert.Contains("another provider's users", await FailAsync(("OIDC_ISSUER", "https://other.example.org"), ("OIDC_CLIENT_ID", "sync"), ("HOST", "127.0.0.1")), StringComparison.Ordinal);
    }

    // {type: "auth", token}
    private static byte[] Hello(string token) =>
        [0xa2, 0x64, .. "type"u8, 0x64, .. "auth"u8, 0x65, .. "token"u8, 0x79, (byte)(token.Length >> 8), (byte)token.Length, .. Encoding.ASCII.GetBytes(token)];

    private static async Task<string> SignInAsync(Uri address, string name)
    {
        using HttpClient http = Client(address, null);
        using JsonDocument login = JsonDocument.Parse(await http.GetStringAsync("/api/v1/auth/login", Cancel));
        string form = await http.GetStringAsync(login.RootElement.GetProperty("url").GetString(), Cancel);
        using FormUrlEncodedContent answer = new(new Dictionary<string, string> { ["request"] = Regex.Match(form, "name=\"request\" value=\"([^\"]*)\"").Groups[1].Value, ["name"] = name });
        using HttpResponseMessage page = await http.PostAsync("/development-provider/authorize", answer, Cancel); // follows to the callback
        return Regex.Match(await page.Content.ReadAsStringAsync(Cancel), "\"token\":\"([^\"]*)\"").Groups[1].Value;
    }

    private static HttpClient Client(Uri address, string? token)
    {
        HttpClient http = new() { BaseAddress = address };
        http.DefaultRequestHeaders.Accept.ParseAdd("application/json");
        if (token is not null) http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return http;
    }

    private static async Task<Uri> AddressAsync(Process server)
    {
        string listening = await server.StandardOutput.ReadLineAsync(Cancel) ?? "";
        Assert.True(listening.StartsWith("listening on ", StringComparison.Ordinal), listening.Length > 0 ? listening : await server.StandardError.ReadToEndAsync(Cancel));
        return new Uri(listening[listening.IndexOf("http", StringComparison.Ordinal)..]);
    }

    private static async Task StopAsync(Process server)
    {
        Assert.Equal(0, Kill(server.Id, SigTerm));
        await server.WaitForExitAsync(Cancel);
        Assert.Equal(0, server.ExitCode);
    }

    // One line on top of the log says why.
    private async Task<string> FailAsync(params (string Name, string Value)[] variables)
    {
        using Process server = Start(variables);
        string errors = await server.StandardError.ReadToEndAsync(Cancel);
        await server.WaitForExitAsync(Cancel);
        Assert.Equal(1, server.ExitCode);
        return Assert.Single(errors.Split('\n'), line => line.StartsWith("cannot run: ", StringComparison.Ordinal));
    }

    private Process Start(params (string Name, string Value)[] variables)
    {
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "ratatoskr.dll")])
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PORT"] = "0";
        foreach ((string name, string value) in variables) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static string Root()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Ratatoskr.sln"))) return folder.FullName;
        throw new InvalidOperationException("no Ratatoskr.sln above " + AppContext.BaseDirectory);
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Kill(int processId, int signal);

    [GeneratedRegex("```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex ShellBlock();
}
