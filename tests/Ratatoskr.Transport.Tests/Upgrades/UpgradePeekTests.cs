using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Protocol.WebSockets;
using Ratatoskr.Transport.Tests.Hosting;
using Ratatoskr.Transport.Upgrades;
using SharedTests.Clocks;

namespace Ratatoskr.Transport.Tests.Upgrades;

/// <summary>Both ways in: the peek, and the HTTP stack for what the peek cannot see.</summary>
public sealed class UpgradePeekTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Upgrade_is_answered_as_RFC_6455_says()
    {
        await using TestServer server = await TestServer.StartAsync();
        using RawClient client = await server.ConnectRawAsync();
        await client.WriteAsync(RawClient.UpgradeRequest("/sync"));

        string head = await client.ReadHeadAsync();

        Assert.Contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", head, StringComparison.Ordinal);     // §1.3's example
        Assert.DoesNotContain("Sec-WebSocket-Extensions", head, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("https://app.example", true)]
    [InlineData("https://evil.example", false)]
    [InlineData("null", false)]
    [InlineData("http://localhost", true)]                             // the server's own pages
    [InlineData("http://localhost.evil.example", false)]
    [InlineData(null, true)]                                   // no browser
    public async Task Only_pages_of_allowed_origins_may_connect(string? origin, bool mayConnect)
    {
        await using TestServer server = await TestServer.StartAsync(new TransportOptions { AllowsOrigin = static origin => origin == "https://app.example" });
        string request = RawClient.UpgradeRequest("/sync", origin is null ? "" : $"Origin: {origin}\r\n");
        using RawClient client = await server.ConnectRawAsync();
        await client.WriteAsync(request);
        Assert.StartsWith(mayConnect ? "HTTP/1.1 101" : "HTTP/1.1 403", await client.ReadHeadAsync(), StringComparison.Ordinal);

        // The same by the HTTP stack, which sees the second request of a connection.
        using RawClient second = await server.ConnectRawAsync();
        await second.WriteAsync("GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
        await second.ReadHeadAsync();
        await second.ReadAsync("d\r\nhttp:/nothing\r\n0\r\n\r\n".Length);
        await second.WriteAsync(request);
        Assert.StartsWith(mayConnect ? "HTTP/1.1 101" : "HTTP/1.1 403", await second.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Half_open_connections_give_their_places_to_newcomers()
    {
        await using TestServer server = await TestServer.StartAsync(new TransportOptions { PendingUpgradesMax = 4 });
        List<RawClient> silent = [];
        for (int i = 0; i < 8; i++) silent.Add(await server.ConnectRawAsync());
        for (int i = 0; i < 4; i++) Assert.True(await silent[i].IsClosedAsync());

        RawClient begun = await server.ConnectRawAsync();
        await begun.WriteAsync("GET /sync HTTP/1.1\r\n");
        for (int i = 0; i < 4; i++) silent.Add(await server.ConnectRawAsync());
        Assert.True(await begun.ReadHeadAsync() is "" or ['H', 'T', 'T', 'P', '/', '1', '.', '1', ' ', '5', '0', '3', ..]);   // nothing, if it was not read before

        (RawClient newcomer, _) = await server.UpgradeRawAsync();
        newcomer.Dispose();
        begun.Dispose();
        foreach (RawClient client in silent) client.Dispose();
    }

    [Fact]
    public async Task Upgrade_and_first_frame_byte_by_byte()
    {
        await using TestServer server = await TestServer.StartAsync();
        using RawClient client = await server.ConnectRawAsync();
        foreach (byte one in Encoding.ASCII.GetBytes(RawClient.UpgradeRequest("/sync?a=b"))) await client.WriteAsync([one]);
        await client.ReadHeadAsync();
        foreach (byte one in RawClient.Frame(Opcode.Binary, "drop by drop"u8)) await client.WriteAsync([one]);

        Assert.Equal("drop by drop", (await client.ReadFrameAsync()).Text);
    }

    [Fact]
    public async Task Frames_in_the_same_packet_as_the_upgrade_are_not_lost()
    {
        await using TestServer server = await TestServer.StartAsync();
        using RawClient client = await server.ConnectRawAsync();
        byte[] head = Encoding.ASCII.GetBytes(RawClient.UpgradeRequest("/"));
        await client.WriteAsync([.. head, .. RawClient.Frame(Opcode.Binary, "early"u8), .. RawClient.Frame(Opcode.Binary, "bird"u8)[..3]]);
        await client.ReadHeadAsync();
        Assert.Equal("early", (await client.ReadFrameAsync()).Text);
        await client.WriteAsync(RawClient.Frame(Opcode.Binary, "bird"u8)[3..]);
        Assert.Equal("bird", (await client.ReadFrameAsync()).Text);
    }

    [Fact]
    public async Task Endpoint_learns_what_the_upgrade_said()
    {
        await using TestServer server = await TestServer.StartAsync();
        using RawClient client = await server.ConnectRawAsync();
        await client.WriteAsync(RawClient.UpgradeRequest(
            "/sync?x=%20y", "Origin: https://app.example\r\nAuthorization: Bearer t0ken\r\nX-Forwarded-For: 203.0.113.9\r\n"));
        await client.ReadHeadAsync();
        await server.Endpoint.NextAsync();

        Assert.True(server.Endpoint.Infos.TryDequeue(out ConnectionInfo? info));
        Assert.Equal(IPAddress.Loopback, info.RemoteAddress);
        Assert.Equal(
            ("/sync", "x=%20y", "localhost", "https://app.example", "Bearer t0ken", "203.0.113.9", false),
            (info.Path, info.Query, info.Host, info.Origin, info.Authorization, info.ForwardedFor, info.IsSecure));
    }

    [Theory]
    [InlineData("GET /other HTTP/1.1\r\nHost: x\r\n\r\n", "http:/other")]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http:/")]
    [InlineData("GET /synchrony HTTP/1.1\r\nHost: x\r\n\r\n", "http:/synchrony")]
    [InlineData("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "http:/x")]
    [InlineData("GET /subduction HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "http:/subduction")]
    [InlineData("GET /sync HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 Upgrade Required")]
    public async Task Everything_else_reaches_HTTP_unread(string request, string answer)
    {
        await using TestServer server = await TestServer.StartAsync();
        using RawClient whole = await server.ConnectRawAsync();
        await whole.WriteAsync(request.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal));
        Assert.Contains(answer, await whole.ReadToEndAsync(), StringComparison.Ordinal);

        using RawClient split = await server.ConnectRawAsync();
        foreach (byte one in Encoding.ASCII.GetBytes(request)) await split.WriteAsync([one]);
        string head = await split.ReadHeadAsync();
        Assert.StartsWith(answer.StartsWith("HTTP", StringComparison.Ordinal) ? answer : "HTTP/1.1 200", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", "426", "Sec-WebSocket-Version: 13")]
    [InlineData("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: short", "400", "")]
    [InlineData("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", "400", "")]
    [InlineData("Host: localhost\r\n", "", "400", "")]
    public async Task Malformed_upgrade_is_refused_and_closed(string replaced, string by, string status, string header)
    {
        await using TestServer server = await TestServer.StartAsync();
        using RawClient client = await server.ConnectRawAsync();
        await client.WriteAsync(RawClient.UpgradeRequest("/sync").Replace(replaced, by, StringComparison.Ordinal));

        string answer = await client.ReadToEndAsync();

        Assert.StartsWith("HTTP/1.1 " + status, answer, StringComparison.Ordinal);
        Assert.Contains(header, answer, StringComparison.Ordinal);
        Assert.Equal(1, server.Count("ratatoskr.connections.refused reason=" + (status == "426" ? "version" : "malformed")));
    }

    [Fact]
    public async Task Head_that_trickles_in_gets_408()
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(time: time);
        for (int tries = 0; ; tries++)
        {
            using RawClient client = await server.ConnectRawAsync();
            await client.WriteAsync("GET /sync HTTP/1.1\r\nHost: local");
            Task<string> answer = client.ReadToEndAsync();
            while (!answer.IsCompleted)
            {
                time.Advance(TimeSpan.FromSeconds(1));
                await Task.Yield();
            }

            try
            {
                Assert.StartsWith("HTTP/1.1 408 ", await answer, StringComparison.Ordinal);
                return;
            }
            catch (IOException) when (tries < 20)
            {
                // Time may have passed before the socket's bytes were read: who closes over unread bytes resets the connection.
            }
        }
    }

    [Theory]
    [InlineData("GET /sync HTTP/1.1\r\nHost: local")]
    [InlineData("GET /other HTTP/1.1\r\nHost: local")]
    [InlineData("P")]
    public async Task Head_that_trickles_in_gets_408_and_reaches_nobody(string beginning)
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(time: time);
        Pipe toServer = new(), toClient = new();                 // with a socket, time could pass before the words are there
        DefaultConnectionContext context = new("trickles") { Transport = new Duplex(toServer.Reader, toClient.Writer) };
        await toServer.Writer.WriteAsync(Encoding.ASCII.GetBytes(beginning));

        Task<bool> isForHttp = new UpgradePeek(server.Transport).IsForHttpAsync(context);
        while (!isForHttp.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        Assert.False(await isForHttp);
        ReadResult answer = await toClient.Reader.ReadAsync();
        Assert.StartsWith("HTTP/1.1 408 ", Encoding.ASCII.GetString(answer.Buffer), StringComparison.Ordinal);
        Assert.Equal(1, server.Count("ratatoskr.connections.refused reason=timed_out"));
    }

    [Fact]
    public async Task Head_longer_than_the_peek_looks_is_left_to_HTTP()
    {
        await using TestServer server = await TestServer.StartAsync();
        using RawClient client = await server.ConnectRawAsync();
        await client.WriteAsync(RawClient.UpgradeRequest("/sync", $"X-Long: {new string('x', 20_000)}\r\n"));

        // Kestrel's limit is 32 KiB, so the HTTP stack takes the upgrade.
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.WriteAsync(RawClient.Frame(Opcode.Binary, "the long way"u8));
        Assert.Equal("the long way", (await client.ReadFrameAsync()).Text);
    }

    [Fact]
    public async Task Kept_alive_connection_can_still_upgrade()
    {
        await using TestServer server = await TestServer.StartAsync();
        using RawClient client = await server.ConnectRawAsync();
        await client.WriteAsync("GET /first HTTP/1.1\r\nHost: x\r\n\r\n");
        string head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 200", head, StringComparison.Ordinal);
        string body = "";
        while (!body.EndsWith("0\r\n\r\n", StringComparison.Ordinal)) body += (char)(await client.ReadAsync(1))[0];      // chunked

        await client.WriteAsync(RawClient.UpgradeRequest("/sync?k=v", "Authorization: Bearer t\r\n"));
        head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 ", head, StringComparison.Ordinal);
        Assert.Contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", head, StringComparison.Ordinal);
        await client.WriteAsync(RawClient.Frame(Opcode.Binary, "still here"u8));
        Assert.Equal("still here", (await client.ReadFrameAsync()).Text);
        await server.Endpoint.NextAsync();
        Assert.True(server.Endpoint.Infos.TryDequeue(out ConnectionInfo? info));
        Assert.Equal(("/sync", "k=v", "Bearer t"), (info.Path, info.Query, info.Authorization));

        await client.WriteAsync(RawClient.Frame(Opcode.Close, [0x03, 0xe8]));
        Assert.Equal(1000, (await client.ReadFrameAsync()).CloseCode);
        Assert.True(await client.IsClosedAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Over_TLS_with_HTTP_1_and_with_HTTP_2_extended_connect(int version)
    {
        using X509Certificate2 certificate = TestServer.MakeCertificate();
        await using TestServer server = await TestServer.StartAsync(certificate: certificate);
        using SocketsHttpHandler handler = new();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, theirs, _, errors) =>
            errors == SslPolicyErrors.None || theirs?.GetCertHashString() == certificate.GetCertHashString();
        using HttpMessageInvoker invoker = new(handler);
        using ClientWebSocket client = new();
        client.Options.HttpVersion = version == 2 ? HttpVersion.Version20 : HttpVersion.Version11;
        client.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        await client.ConnectAsync(new Uri($"wss://localhost:{server.Port}/sync"), invoker, Cancel);

        byte[] message = new byte[300_000];
        new Random(version).NextBytes(message);
        Task sending = client.SendAsync(message, WebSocketMessageType.Binary, true, Cancel);
        byte[] echo = new byte[message.Length];
        int length = 0;
        while (length < echo.Length) length += (await client.ReceiveAsync(echo.AsMemory(length), Cancel)).Count;
        await sending;
        Assert.Equal(message, echo);

        TestSession session = await server.Endpoint.NextAsync();
        Assert.True(server.Endpoint.Infos.TryDequeue(out ConnectionInfo? info));
        Assert.True(info.IsSecure);
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, "", Cancel);
        await session.WhenDisconnected;
    }

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
