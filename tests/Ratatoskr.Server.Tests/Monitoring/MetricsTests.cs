using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Server.Configuration;

namespace Ratatoskr.Server.Tests.Monitoring;

/// <summary><c>/metrics</c>: who may read it, and that a scraper can.</summary>
public sealed class MetricsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Text_is_what_a_strict_scraper_takes(bool accounts)
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options with { AccessMode = accounts ? AccessMode.Accounts : AccessMode.Open });
        using HttpResponseMessage answer = await server.Http.GetAsync("/metrics", Cancel);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());

        Exposition metrics = await server.MetricsAsync();
        Assert.Equal("gauge", metrics.Types["ratatoskr_connections_active"]);
        Assert.Equal("counter", metrics.Types["ratatoskr_network_received_bytes_total"]);
        Assert.Equal("histogram", metrics.Types["http_server_request_duration_seconds"]);
        Assert.True(metrics["dotnet_process_memory_working_set_bytes"] > 1_000_000);
        Assert.Equal(1, metrics["http_server_request_duration_seconds_count", "http_route=\"/metrics\""]);
    }

    [Fact]
    public async Task What_peers_do_is_counted_and_no_label_names_them()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        await TrafficAsync(server, 1);
        Exposition before = await server.MetricsAsync();
        await TrafficAsync(server, 20);
        Exposition after = await server.MetricsAsync();

        Assert.Equal(Ours(before), Ours(after));
        Assert.Equal(20, after["ratatoskr_sessions_accepted_total"] - before["ratatoskr_sessions_accepted_total"]);
        Assert.Equal(20, after["ratatoskr_messages_received_total", "type=\"request\""] - before["ratatoskr_messages_received_total", "type=\"request\""]);
        Assert.Equal(20, after["ratatoskr_messages_sent_total", "type=\"unavailable\""] - before["ratatoskr_messages_sent_total", "type=\"unavailable\""]);
        Assert.Equal(20, after["ratatoskr_messages_dropped_total", "reason=\"undecodable\""] - before["ratatoskr_messages_dropped_total", "reason=\"undecodable\""]);
        Assert.Equal(20, after["ratatoskr_connections_ended_total", "reason=\"closed_by_peer\""] - before["ratatoskr_connections_ended_total", "reason=\"closed_by_peer\""]);
        Assert.Equal(0, after["ratatoskr_connections_active"]);
    }

    [Theory]
    [InlineData("X-Forwarded-For", "127.0.0.1")]
    [InlineData("Forwarded", "for=127.0.0.1")]
    [InlineData("Host", "sync.example.org")]
    public async Task Nobody_else_finds_it(string header, string value)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using HttpRequestMessage request = new(HttpMethod.Get, "/metrics");
        request.Headers.TryAddWithoutValidation(header, value);
        using HttpResponseMessage answer = await server.Http.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.DoesNotContain("ratatoskr_", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_a_token_whoever_brings_it_may_read_and_nobody_else()
    {
        const string token = "a token of some length";
        await using RunningServer server = await RunningServer.StartAsync(options => options with { MetricsToken = Encoding.UTF8.GetBytes(token) });
        Assert.Equal(HttpStatusCode.NotFound, await GetAsync(null));
        Assert.Equal(HttpStatusCode.NotFound, await GetAsync(token + "x"));
        Assert.Equal(HttpStatusCode.OK, await GetAsync(token));

        async Task<HttpStatusCode> GetAsync(string? bearer)
        {
            using HttpRequestMessage request = new(HttpMethod.Get, "/metrics");
            request.Headers.Add("X-Forwarded-For", "192.0.2.1");
            if (bearer is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
            using HttpResponseMessage answer = await server.Http.SendAsync(request, Cancel);
            return answer.StatusCode;
        }
    }

    private static IEnumerable<string> Ours(Exposition metrics) => metrics.Series.Where(static name => name.StartsWith("ratatoskr_", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    private static async Task TrafficAsync(RunningServer server, int peers)
    {
        for (int i = 0; i < peers; i++)
        {
            string name = $"peer-{Guid.NewGuid()}";
            using ClientWebSocket peer = await server.JoinAsync(name);
            await RunningServer.AskAsync(peer, name, DocumentId.FromPayload(RandomNumberGenerator.GetBytes(16)).ToString());
            await peer.SendAsync("no CBOR"u8.ToArray(), WebSocketMessageType.Binary, true, Cancel);
            await peer.ReceiveAsync(new byte[1000], Cancel);
            await peer.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancel);
        }

        // The last connection's end is counted when its loop is through.
        while ((await server.MetricsAsync())["ratatoskr_connections_active"] > 0) await Task.Yield();
    }
}
