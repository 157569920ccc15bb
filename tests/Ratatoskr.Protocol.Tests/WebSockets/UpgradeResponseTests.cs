using System.Text;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Protocol.Tests.WebSockets;

public class UpgradeResponseTests
{
    [Fact]
    public void Write_of_rfc_key_gives_rfc_accept()
    {
        // The key and its answer are those of RFC 6455 §1.3.
        byte[] response = new byte[UpgradeResponse.LengthMax];
        int length = UpgradeResponse.Write(response, "dGhlIHNhbXBsZSBub25jZQ==");
        Assert.Equal(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            Encoding.ASCII.GetString(response, 0, length));
    }

    [Theory]
    [InlineData(400, "400 Bad Request")]
    [InlineData(401, "401 Unauthorized")]
    [InlineData(429, "429 Too Many Requests")]
    [InlineData(418, "418 Refused")]
    public void WriteRefusal_closes_and_says_why(int status, string line)
    {
        string text = Refuse(status, "because");
        Assert.StartsWith("HTTP/1.1 " + line + "\r\nConnection: close\r\n", text, StringComparison.Ordinal);
        Assert.EndsWith("Content-Length: 7\r\n\r\nbecause", text, StringComparison.Ordinal);
    }

    [Fact]
    public void WriteRefusal_with_426_names_the_version() =>
        Assert.Contains("\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", Refuse(426, "no"), StringComparison.Ordinal);

    [Fact]
    public void WriteRefusal_cuts_long_reasons()
    {
        string text = Refuse(426, new string('x', 10_000));
        Assert.Contains("Content-Length: 256\r\n", text, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\n" + new string('x', 256), text, StringComparison.Ordinal);
    }

    private static string Refuse(int status, string reason)
    {
        byte[] response = new byte[UpgradeResponse.LengthMax];
        return Encoding.ASCII.GetString(response, 0, UpgradeResponse.WriteRefusal(response, status, reason));
    }
}
