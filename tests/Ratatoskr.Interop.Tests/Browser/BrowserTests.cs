using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Browser;

/// <summary>A page in a real browser, over TLS. Browsers open WebSockets in ways of their own: over an HTTP/2 connection they already have.</summary>
public class BrowserTests(Stage stage)
{
    private const string Chromium = "/usr/bin/chromium";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90); // a cold browser on a busy machine

    [Fact]
    public async Task Page_opened_over_TLS_gets_a_document_through_its_WebSocket()
    {
        Repository.SkipOrFail(File.Exists(Chromium), $"no {Chromium}: apt-get install chromium, or run ./test.sh as root");
        Repository.SkipOrFail(TestServer.ForeignCommand is null, "another server's TLS settings are not known here");
        string certificates = WriteCertificate();
        await using TestServer server = await TestServer.StartAsync(new Dictionary<string, string>
        {
            ["TLS_CERT"] = Path.Combine(certificates, "cert.pem"),
            ["TLS_KEY"] = Path.Combine(certificates, "key.pem"),
        });
        ChangeStream stream = await ChangeStream.MakeAsync(await stage.ClientsAsync(Versions.Current), Guid.NewGuid().ToString("N"), 1);
        string id = DocumentIds.New();
        byte[] upload = new SyncMessage { Heads = [stream.Hashes[0]], LastSync = [], Changes = [stream.Chunks[0]] }.Encode();

        JsonNode result = await RunAsync(new JsonObject
        {
            ["page"] = $"https://localhost:{server.Port}/health",
            ["socket"] = $"wss://localhost:{server.Port}/sync",
            ["frames"] = new JsonArray(
                Convert.ToBase64String(Frame.Join("browser")),
                Convert.ToBase64String(Frame.Document("sync", "browser", "server", id, upload)),
                Convert.ToBase64String(Frame.Document("sync", "browser", "server", id, SyncMessage.EmptyRequest))),
        });

        Frame[] answers = [.. result["answers"]!.AsArray().Select(answer => Frame.Parse(Convert.FromBase64String((string)answer!)))];
        Assert.Equal("peer", answers[0].Type);
        Assert.Equal(stream.Hashes, answers[1].Sync.Heads);
        Assert.Equal(stream.Hashes, answers[2].Sync.Heads);
        Assert.Equal("h2", (string?)result["http"]);
        Assert.Equal(200, (int)result["handshake"]!); // the WebSocket went over that HTTP/2 connection: RFC 8441
        Directory.Delete(certificates, recursive: true);
    }

    private static async Task<JsonNode> RunAsync(JsonObject options)
    {
        string script = Path.Combine(Repository.Root, "tests", "Ratatoskr.Interop.Tests", "node", "browser", "browser.mjs");
        using Process node = Process.Start(new ProcessStartInfo("node", [script, options.ToJsonString()])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> output = node.StandardOutput.ReadToEndAsync();
        Task<string> errors = node.StandardError.ReadToEndAsync();
        try
        {
            await node.WaitForExitAsync().WaitAsync(Patience);
        }
        finally
        {
            if (!node.HasExited) node.Kill(entireProcessTree: true);
        }
        Assert.True(node.ExitCode == 0, await errors);
        return JsonNode.Parse(await output)!;
    }

    /// <summary>A self-signed certificate for localhost, as PEM files.</summary>
    private static string WriteCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=localhost", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset now = DateTimeOffset.UtcNow;
        using X509Certificate2 certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        string folder = Directory.CreateTempSubdirectory("ratatoskr-tls-").FullName;
        File.WriteAllText(Path.Combine(folder, "cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, "key.pem"), key.ExportPkcs8PrivateKeyPem());
        return folder;
    }
}
