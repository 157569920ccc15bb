using System.Buffers;
using System.Text;
using Ratatoskr.Protocol.Tests.Support;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Protocol.Tests.WebSockets;

public class UpgradeRequestTests
{
    private const string Valid =
        "GET /sync?token=a%20b HTTP/1.1\r\nHost: example.com:4151\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nOrigin: https://app.example\r\n"
        + "Authorization: Bearer abc \r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\nCookie: a=1\r\ncookie: b=2\r\n\r\n";

    [Fact]
    public void Parse_cut_in_every_way_gives_same_request()
    {
        byte[] bytes = Encoding.Latin1.GetBytes(Valid + "frames");
        foreach (ReadOnlySequence<byte> input in Segments.EveryWay(bytes))
        {
            UpgradeOutcome outcome = UpgradeRequest.Parse(input, UpgradeLimits.Default, out UpgradeRequest? request, out int length, out _);
            Assert.Equal(UpgradeOutcome.Upgrade, outcome);
            Assert.Equal(Valid.Length, length);
            Assert.Equal("/sync", request!.Path);
            Assert.Equal("token=a%20b", request.Query);
            Assert.Equal("example.com:4151", request.Host);
            Assert.Equal("https://app.example", request.Origin);
            Assert.Equal("Bearer abc", request.Authorization);
            Assert.Equal("10.0.0.1, 10.0.0.2", request.ForwardedFor);
            Assert.Equal("dGhlIHNhbXBsZSBub25jZQ==", request.Key);
        }
    }

    [Fact]
    public void Parse_truncated_at_every_byte_needs_more()
    {
        for (int cut = 0; cut < Valid.Length; cut++)
            Assert.Equal(UpgradeOutcome.NeedMore, Parse(Valid[..cut], out _));
    }

    [Theory]
    [InlineData("POST /sync HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    [InlineData("P")]
    [InlineData("GEX")]
    [InlineData("\u0016\u0003\u0001")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX-Upgrade: websocket\r\n\r\n")]
    [InlineData("GET / HTTP/1.0\nbroken header\n\n")]
    [InlineData("GET /\r\n\r\n")]
    public void Parse_of_anything_else_leaves_it_to_the_http_stack(string head) => Assert.Equal(UpgradeOutcome.NotAnUpgrade, Parse(head, out _));

    [Fact]
    public void Parse_of_head_beyond_the_limits_leaves_it_to_the_http_stack()
    {
        string many = Valid[..^2] + string.Concat(Enumerable.Repeat("X-Many: 1\r\n", 100)) + "\r\n";
        Assert.Equal(UpgradeOutcome.NotAnUpgrade, Parse(many, out _));

        string endless = "GET / HTTP/1.1\r\nX-Long: " + new string('a', 20_000);
        Assert.Equal(UpgradeOutcome.NeedMore, Parse(endless[..(16 * 1024 - 1)], out _));
        Assert.Equal(UpgradeOutcome.NotAnUpgrade, Parse(endless[..(16 * 1024)], out _));
        Assert.Equal(UpgradeOutcome.NotAnUpgrade, Parse(endless, out _));
    }

    [Fact]
    public void Parse_of_a_hundred_headers_is_still_an_upgrade()
    {
        int present = Valid.Split("\r\n").Length - 3;
        string hundred = Valid[..^2] + string.Concat(Enumerable.Repeat("X-Many: 1\r\n", 100 - present)) + "\r\n";
        Assert.Equal(UpgradeOutcome.Upgrade, Parse(hundred, out _));
        Assert.Equal(UpgradeOutcome.NotAnUpgrade, Parse(hundred[..^2] + "X-More: 1\r\n\r\n", out _));
    }

    [Theory]
    [InlineData("HTTP/1.1", "HTTP/1.0", 400)]
    [InlineData("HTTP/1.1", "HTTP/2.0", 400)]
    [InlineData("HTTP/1.1", "HTTP/1.1 ", 400)]
    [InlineData("GET /sync", "GET  /sync", 400)]
    [InlineData("GET /sync", "GET sync", 400)]
    [InlineData("GET /sync", "GET http://example.com/sync", 400)]
    [InlineData("GET /sync", "GET /sy#nc", 400)]
    [InlineData("GET /sync", "GET /s\u00e4nc", 400)]
    [InlineData("GET /sync", "GET /s\u0001nc", 400)]
    [InlineData("Version: 13", "Version: 8", 426)]
    [InlineData("Version: 13", "Version: 13, 8", 426)]
    [InlineData("Sec-WebSocket-Version: 13", "X: 13", 426)]
    [InlineData("Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n", 400)]
    [InlineData("Host: example.com:4151", "Host: a\r\nHost: b", 400)]
    [InlineData("Host: example.com:4151", "X: b", 400)]
    [InlineData("Host: example.com:4151", "Host:", 400)]
    [InlineData("Origin:", "Origin: https://other.example\r\nOrigin:", 400)]
    [InlineData("Cookie:", "Authorization: Basic x\r\nCookie:", 400)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=", 400)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQAA", 400)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhb  sZSBub25jZQ==", 400)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j*Q==", 400)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 400)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "", 400)]
    [InlineData("Connection: keep-alive, Upgrade", "Connection: keep-alive", 400)]
    [InlineData("Cookie:", "Content-Length: 5\r\nCookie:", 400)]
    [InlineData("Cookie:", "Content-Length: 0\r\nContent-Length: 0\r\nCookie:", 400)]
    [InlineData("Cookie:", "Transfer-Encoding: chunked\r\nCookie:", 400)]
    [InlineData("Cookie:", "X-Folded: a\r\n b\r\nCookie:", 400)]
    [InlineData("Cookie:", "X-Folded: a\r\n\tb\r\nCookie:", 400)]
    [InlineData("Cookie:", "X-Bare: a\nCookie:", 400)]
    [InlineData("Cookie:", "X-Bare: a\rb\r\nCookie:", 400)]
    [InlineData("Cookie:", "X-Nul: a\0b\r\nCookie:", 400)]
    [InlineData("Cookie:", "X-Del: a\u007fb\r\nCookie:", 400)]
    [InlineData("Cookie:", "X Name: a\r\nCookie:", 400)]
    [InlineData("Cookie:", "X-Name : a\r\nCookie:", 400)]
    [InlineData("Cookie:", ": a\r\nCookie:", 400)]
    [InlineData("Cookie:", "no colon\r\nCookie:", 400)]
    [InlineData("cookie: b=2\r\n\r\n", "cookie: b=2\r\n\n", 400)]
    [InlineData("cookie: b=2\r\n\r\n", "cookie: b=2\r\n\r\r\n", 400)]
    public void Parse_of_malformed_upgrade_is_refused(string part, string replacement, int status)
    {
        string head = Valid.Replace(part, replacement, StringComparison.Ordinal);
        Assert.NotEqual(Valid, head);
        Assert.Equal(UpgradeOutcome.Malformed, Parse(head, out UpgradeRefusal refusal));
        Assert.Equal(status, refusal.Status);
        Assert.NotEmpty(refusal.Reason);
    }

    [Theory]
    [InlineData("Upgrade: websocket", "UPGRADE:WebSocket")]
    [InlineData("Upgrade: websocket", "upgrade: h2c , websocket")]
    [InlineData("keep-alive, Upgrade", "UPGRADE")]
    [InlineData("Cookie:", "Content-Length: 0\r\nCookie:")]
    [InlineData("Cookie:", "X-Latin: \u00e4\tb\r\nCookie:")]
    [InlineData("Cookie:", "X-Empty:\r\nCookie:")]
    public void Parse_of_unusual_upgrade_is_taken(string part, string replacement) =>
        Assert.Equal(UpgradeOutcome.Upgrade, Parse(Valid.Replace(part, replacement, StringComparison.Ordinal), out _));

    [Fact]
    public void Parse_of_mutated_heads_gives_outcomes_only()
    {
        Random random = new(20_260_702);
        byte[] valid = Encoding.Latin1.GetBytes(Valid);
        int[] outcomes = new int[4];
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bytes = Mutations.Mutate(valid, random);
            UpgradeOutcome outcome = UpgradeRequest.Parse(
                Segments.Cut(bytes, random.Next(bytes.Length + 1)), UpgradeLimits.Default, out UpgradeRequest? request, out int length, out _);
            outcomes[(int)outcome]++;
            Assert.Equal(outcome == UpgradeOutcome.Upgrade, request is not null);
            Assert.InRange(length, 0, bytes.Length);
        }

        Assert.DoesNotContain(0, outcomes);
    }

    private static UpgradeOutcome Parse(string head, out UpgradeRefusal refusal) =>
        UpgradeRequest.Parse(new ReadOnlySequence<byte>(Encoding.Latin1.GetBytes(head)), UpgradeLimits.Default, out _, out _, out refusal);
}
