using System.Text;
using SharedTests.Fuzzing;

namespace Ratatoskr.Fuzzing.Tests.Upgrades;

/// <summary>Heads of HTTP requests that are upgrades, nearly upgrades, and other things.</summary>
internal static class RequestMutator
{
    private static readonly string[] Lines =
    [
        "Host: localhost", "Host: [::1]:80", "Host:", "Upgrade: websocket", "Upgrade: h2c, WebSocket", "upgrade:\twebsocket\t", "Upgrade: websocket2", "Connection: Upgrade", "Connection: keep-alive, upgrade",
        "Connection: close", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==", "Sec-WebSocket-Key: x",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ= ", "Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: a, b", "Origin: https://example.com", "Origin: null", "Authorization: Bearer x",
        "Cookie: a=b", "Cookie: c=d", "X-Forwarded-For: 1.2.3.4, ::1", "Content-Length: 0", "Content-Length: 5", "Content-Length: 00", "Transfer-Encoding: chunked", "Expect: 100-continue", " folded: line",
        "Bad Name: x", ": empty", "No colon", "Ünïcode: é", "Null: a\0b", "Tab:\ta\tb", "Cr: a\rb", "Space : x",
    ];

    private static readonly string[] Targets = ["/", "/sync", "/sync?a=b&c=d", "/?", "/sync/", "/%73ync", "//", "*", "http://localhost/sync", "/sync#x", "/sync?token=abc", "/api/v1/documents", "", "/é", "/sync?" + new string('q', 9000)];

    public static readonly IReadOnlyList<byte[]> Words =
    [
        "\r\n"u8.ToArray(), "\n"u8.ToArray(), "\r"u8.ToArray(), "\r\n\r\n"u8.ToArray(), "\n\n"u8.ToArray(), ": "u8.ToArray(), " HTTP/1.1"u8.ToArray(), " HTTP/1.0"u8.ToArray(), "GET "u8.ToArray(), "websocket"u8.ToArray(),
        "Upgrade"u8.ToArray(), ","u8.ToArray(), "\t"u8.ToArray(), "\0"u8.ToArray(), .. Lines.Select(line => Encoding.Latin1.GetBytes("\r\n" + line)),
    ];

    public static byte[] Make(FuzzCase one)
    {
        List<string> lines = ["Host: localhost:8080", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
        for (int count = one.Random.Next(4); count > 0; count--) lines.Insert(one.Random.Next(lines.Count + 1), one.Pick(Lines));
        if (one.OneIn(3)) lines.RemoveAt(one.Random.Next(lines.Count));
        if (one.OneIn(40)) lines.AddRange(Enumerable.Range(0, one.Random.Next(200)).Select(i => $"X-{i}: {i}"));
        if (one.OneIn(40)) lines.Add("X-Long: " + new string('x', one.Random.Next(20_000)));
        string method = one.OneIn(12) ? one.Pick<string>(["POST", "get", "CONNECT", "GET\t", "OPTIONS", "G"]) : "GET", version = one.OneIn(12) ? one.Pick<string>(["HTTP/1.0", "HTTP/2", "http/1.1", "HTTP/1.1 "]) : "HTTP/1.1";
        string end = one.OneIn(12) ? "\n" : "\r\n";
        return Encoding.Latin1.GetBytes(string.Concat(lines.Prepend($"{method} {(one.OneIn(3) ? one.Pick(Targets) : "/sync")} {version}").Select(line => line + end)) + end);
    }
}
