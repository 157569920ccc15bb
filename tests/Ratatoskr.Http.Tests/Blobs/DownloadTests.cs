using System.Globalization;
using System.Text;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Http.Contracts;
using Ratatoskr.Http.Tests.Support;
using static Ratatoskr.Http.Tests.Support.BlobSteps;

namespace Ratatoskr.Http.Tests.Blobs;

/// <summary>Blobs on their way out: ranges, conditions, headers, links.</summary>
public sealed class DownloadTests
{
    [Fact]
    public async Task Answer_is_safe_and_may_be_kept()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(5000);
        string hash = await alice.StoreAsync(bytes, "text/html; charset=utf-8");
        foreach (HttpMethod method in new[] { HttpMethod.Get, HttpMethod.Head })
        {
            RestAnswer read = await alice.SendAsync(method, $"{Root}/{hash}?inline", null, ("Range", method == HttpMethod.Head ? "bytes=0-4" : "lines=0-4"));
            Assert.Equal(200, read.Status);
            Assert.Equal(method == HttpMethod.Get ? bytes : [], read.Bytes);
            Assert.Equal("text/html; charset=utf-8", read.ContentType);
            Assert.Equal("5000", read.Headers["Content-Length"]);
            Assert.Equal($"attachment; filename=\"{hash}\"", read.Headers["Content-Disposition"]);
            Assert.Equal($"\"{hash}\"", read.ETag);
            Assert.Equal("bytes", read.Headers["Accept-Ranges"]);
            Assert.Equal("nosniff", read.Headers["X-Content-Type-Options"]);
            Assert.StartsWith("sandbox; default-src 'none'", read.Headers["Content-Security-Policy"], StringComparison.Ordinal);
            Assert.Equal("cross-origin", read.Headers["Cross-Origin-Resource-Policy"]);
            Assert.Contains("private", read.Headers["Cache-Control"], StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("image/png", true)]
    [InlineData("IMAGE/JPEG", true)]
    [InlineData("text/plain; charset=utf-8", true)]
    [InlineData("audio/ogg", true)]
    [InlineData("video/mp4", true)]
    [InlineData("image/svg+xml", false)]
    [InlineData("text/html", false)]
    [InlineData("application/pdf", false)]
    [InlineData("application/javascript", false)]
    public async Task Only_what_is_safe_is_shown_in_place(string type, bool shown)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        string hash = await alice.StoreAsync(Noise(10), type);
        Assert.StartsWith(shown ? "inline;" : "attachment;", (await alice.ReadAsync(hash + "?inline=true")).Headers["Content-Disposition"], StringComparison.Ordinal);
        Assert.StartsWith("attachment;", (await alice.ReadAsync(hash)).Headers["Content-Disposition"], StringComparison.Ordinal);
        (await alice.ReadAsync(hash + "?inline=perhaps")).AssertError(400, "invalid_request");
    }

    public static TheoryData<string, string?> Ranges => new()
    {
        { "bytes=0-0", "0-0" },
        { "bytes=0-99", "0-99" },
        { "bytes=10-19", "10-19" },
        { "bytes=90-", "90-99" },
        { "bytes=90-500", "90-99" },
        { "bytes=-5", "95-99" },
        { "bytes=-500", "0-99" },
        { "BYTES=1-2", "1-2" },
        { "bytes= 1-2", "1-2" },
        { "bytes=,1-2 ,", "1-2" },
        { "bytes=0-99999999999999999999999999", "0-99" },
        { "bytes=200-300,1-2", "1-2" },
        { "bytes=100-", "none" },
        { "bytes=100-200", "none" },
        { "bytes=99999999999999999999999999-", "none" },
        { "bytes=-0", "none" },
        { "bytes=", null },
        { "bytes=,", null },
        { "bytes=5", null },
        { "bytes=2-1", null },
        { "bytes=a-b", null },
        { "bytes=1-2-3", null },
        { "bytes=--1", null },
        { "bytes=1 - 2", null },
        { "bytes=+1-2", null },
        { "bytes=1-2,x", null },
        { "bytes 1-2", null },
        { "lines=1-2", null },
        { "bytes=0-60,30-99", null },                                                  // more than all of it
        { "bytes=" + string.Concat(Enumerable.Range(0, 17).Select(i => $"{i}-{i},")), null },
    };

    [Theory]
    [MemberData(nameof(Ranges))]
    public async Task Range_is_read_as_the_standard_has_it(string header, string? part)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(100);
        string hash = await alice.StoreAsync(bytes);
        RestAnswer read = await alice.ReadAsync(hash, ("Range", header));
        if (part is null)
        {
            Assert.Equal(200, read.Status);
            Assert.Equal(bytes, read.Bytes);
        }
        else if (part == "none")
        {
            read.AssertError(416, "range_not_satisfiable");
            Assert.Equal("bytes */100", read.Headers["Content-Range"]);
        }
        else
        {
            int[] ends = [.. part.Split('-').Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
            Assert.Equal((206, $"bytes {part}/100", "image/png"), (read.Status, read.Headers["Content-Range"], read.ContentType));
            Assert.Equal(bytes[ends[0]..(ends[1] + 1)], read.Bytes);
        }
    }

    [Fact]
    public async Task A_thousand_random_ranges_are_what_a_slice_says()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(300_000);
        string hash = await alice.StoreAsync(bytes);
        Random random = new(1);
        for (int i = 0; i < 1000; i++)
        {
            int count = random.Next(4) == 0 ? random.Next(2, 6) : 1, room = bytes.Length / count;
            (int First, int Last)[] wanted = [.. Enumerable.Range(0, count).Select(_ =>
            {
                int first = random.Next(bytes.Length), length = random.Next(1, Math.Min(room, bytes.Length - first) + 1);
                return (first, first + length - 1);
            })];
            RestAnswer read = await alice.ReadAsync(hash, ("Range", "bytes=" + string.Join(", ", wanted.Select(range => Text(range, bytes.Length, random)))));
            Assert.Equal(206, read.Status);
            IEnumerable<(string Range, byte[] Bytes)> expected = wanted.Select(range => ($"bytes {range.First}-{range.Last}/{bytes.Length}", bytes[range.First..(range.Last + 1)]));
            if (count > 1) AssertParts(expected, read);
            else Assert.Equal(expected.Single(), (read.Headers["Content-Range"], read.Bytes), RangeAndBytes);
        }
    }

    [Fact]
    public async Task Several_ranges_come_in_parts()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(200_000);
        string hash = await alice.StoreAsync(bytes);
        RestAnswer read = await alice.ReadAsync(hash, ("Range", "bytes=150000-199999,0-9,-1"));
        Assert.Equal(206, read.Status);
        Assert.False(read.Headers.ContainsKey("Content-Range"));
        Assert.Equal($"attachment; filename=\"{hash}\"", read.Headers["Content-Disposition"]);
        AssertParts([("bytes 150000-199999/200000", bytes[150_000..]), ("bytes 0-9/200000", bytes[..10]), ("bytes 199999-199999/200000", bytes[^1..])], read);
    }

    [Fact]
    public async Task Who_has_it_already_hears_so()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        byte[] bytes = Noise(100);
        string hash = await alice.StoreAsync(bytes), tag = $"\"{hash}\"";
        foreach (string header in new[] { tag, "W/" + tag, "*", $"\"a\", {tag}", $"\"a\" , W/{tag}" })
        {
            RestAnswer same = await alice.ReadAsync(hash, ("If-None-Match", header), ("Range", "bytes=0-1"));
            Assert.Equal((304, 0, tag), (same.Status, same.Bytes.Length, same.ETag));
            Assert.Equal(304, (await alice.SendAsync(HttpMethod.Head, $"{Root}/{hash}", null, ("If-None-Match", header))).Status);
            (await bob.ReadAsync(hash, ("If-None-Match", header))).AssertError(404, "not_found");
        }

        Assert.Equal(bytes, (await alice.ReadAsync(hash, ("If-None-Match", "\"b\""))).Bytes);
        Assert.Equal(bytes, (await alice.ReadAsync(hash, ("If-Match", tag))).Bytes);
        (await alice.ReadAsync(hash, ("If-Match", "\"b\""))).AssertError(412, "precondition_failed");
        (await alice.ReadAsync(hash, ("If-Match", "W/" + tag))).AssertError(412, "precondition_failed");
        Assert.Equal(206, (await alice.ReadAsync(hash, ("If-Range", tag), ("Range", "bytes=0-1"))).Status);
        foreach (string other in new[] { "\"b\"", "W/" + tag, "Sat, 21 Nov 2026 12:00:00 GMT" })
        {
            RestAnswer whole = await alice.ReadAsync(hash, ("If-Range", other), ("Range", "bytes=0-1"));
            Assert.Equal((200, 100), (whole.Status, whole.Bytes.Length));
        }
    }

    [Theory]
    [InlineData("x")]
    [InlineData("ABCDEF0000000000000000000000000000000000000000000000000000000000")]
    [InlineData("abcdef000000000000000000000000000000000000000000000000000000000")]
    [InlineData("gbcdef0000000000000000000000000000000000000000000000000000000000")]
    [InlineData("..%2f..%2fetc%2fpasswd")]
    public async Task What_is_no_hash_is_refused(string hash)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        (await alice.ReadAsync(hash)).AssertError(400, "invalid_request");
        (await alice.ClaimAsync(hash)).AssertError(400, "invalid_request");
        (await alice.ReleaseAsync(hash)).AssertError(400, "invalid_request");
        (await alice.ClaimForAsync("notes", hash)).AssertError(400, "invalid_request");
        (await alice.ReleaseForAsync("notes", hash)).AssertError(400, "invalid_request");
        (await alice.PostAsync($"{Root}/{hash}/links", "{}")).AssertError(400, "invalid_request");
    }

    [Fact]
    public async Task Pages_of_other_sites_can_read_what_they_need()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        string hash = await alice.StoreAsync(Noise(100));
        RestAnswer read = await alice.ReadAsync(hash, ("Origin", "https://app.example.com"), ("Range", "bytes=0-1"));
        Assert.Equal("*", read.Headers["Access-Control-Allow-Origin"]);
        foreach (string header in new[] { "ETag", "Content-Range", "Content-Length", "Accept-Ranges", "Content-Disposition" })
            Assert.Contains(header, read.Headers["Access-Control-Expose-Headers"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Link_is_good_for_everybody_until_it_ends()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(1000);
        string hash = await alice.StoreAsync(bytes, "image/png");
        RestAnswer made = await alice.SendAsync(HttpMethod.Post, $"{Root}/{hash}/links");
        Assert.Equal("2026-11-21T13:00:00.000Z", made.AssertOk().GetProperty("expiresAt").GetString());
        string link = new Uri(made.Json.GetProperty("url").GetString()!).PathAndQuery;
        RestAnswer read = await server.SendAsync(HttpMethod.Get, link);
        Assert.Equal((200, "image/png", "max-age=3600, private, immutable"), (read.Status, read.ContentType, read.Headers["Cache-Control"]));
        Assert.Equal(bytes, read.Bytes);
        Assert.StartsWith("inline", (await server.SendAsync(HttpMethod.Get, link + "&inline=true")).Headers["Content-Disposition"], StringComparison.Ordinal);
        Assert.Equal(206, (await server.SendAsync(HttpMethod.Get, link, null, null, ("Range", "bytes=0-1"))).Status);

        string other = await alice.StoreAsync(Noise(7));
        foreach (string forged in new[]
        {
            link.Replace(hash, other, StringComparison.Ordinal), link.Replace("expires=1", "expires=2", StringComparison.Ordinal), link.Replace("type=image%2Fpng", "type=text%2Fhtml", StringComparison.Ordinal),
            link[..^1], link + "A", link[..^2] + (link[^2] == 'A' ? "BB" : "AA"), link + "&type=image%2Fpng", link + "&expires=1", $"{Root}/{hash}?signature=x", $"{Root}/{new string('0', 64)}?expires=9999999999&type=a%2Fb&signature=x",
        })
        {
            (await server.SendAsync(HttpMethod.Get, forged)).AssertError(403, "invalid_link");
            (await server.SendAsync(HttpMethod.Get, forged, alice.Token)).AssertError(403, "invalid_link");
        }

        server.Clock.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(200, (await server.SendAsync(HttpMethod.Get, link)).Status);
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        (await server.SendAsync(HttpMethod.Get, link)).AssertError(403, "link_expired");
    }

    [Fact]
    public async Task Link_lives_as_long_as_it_was_asked_to()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        string hash = await alice.StoreAsync(Noise(10)), links = $"{Root}/{hash}/links";
        Assert.Equal("2026-11-28T12:00:00.000Z", (await alice.PostAsync(links, """{"expiresIn":604800}""")).AssertOk().GetProperty("expiresAt").GetString());
        foreach (string bad in new[] { "0", "-1", "604801", "1.5", "\"60\"", "1e20" }) (await alice.PostAsync(links, $$"""{"expiresIn":{{bad}}}""")).AssertError(400, "invalid_request");
        (await alice.PostAsync(links, "[]")).AssertError(400, "invalid_request");
        (await alice.SendAsync(HttpMethod.Post, links, Content([1]))).AssertError(415, "unsupported_media_type");
        (await bob.PostAsync(links, "{}")).AssertError(404, "not_found");
        (await server.SendAsync(HttpMethod.Post, links)).AssertError(401, "unauthorized");
    }

    [Fact]
    public async Task Reader_is_sent_to_where_the_store_has_it()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Store = inner => new AddressedStore(inner) });
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        string hash = await alice.StoreAsync(Noise(100), "image/svg+xml");
        RestAnswer sent = await alice.ReadAsync(hash + "?inline", ("Range", "bytes=0-1"));
        Assert.Equal((307, "no-store"), (sent.Status, sent.Headers["Cache-Control"]));
        Assert.Equal(
            $"https://bucket.example.org/{hash}?type=image%2Fsvg%2Bxml&disposition={Uri.EscapeDataString($"attachment; filename=\"{hash}\"")}", sent.Headers["Location"]);
        Assert.Equal((200, "100"), ((await alice.SendAsync(HttpMethod.Head, $"{Root}/{hash}")).Status, (await alice.SendAsync(HttpMethod.Head, $"{Root}/{hash}")).Headers["Content-Length"]));
        Assert.Equal(304, (await alice.ReadAsync(hash, ("If-None-Match", $"\"{hash}\""))).Status);
        (await bob.ReadAsync(hash)).AssertError(404, "not_found");
    }

    [Fact]
    public async Task With_the_originals_rule_the_hash_is_the_key()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Rule = BlobRule.Capability });
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        byte[] bytes = Noise(100);
        string hash = await alice.StoreAsync(bytes, "text/plain"), nothing = new('0', 64);
        await bob.StoreAsync(bytes, "image/png");                       // what anybody's cache may keep for all is the same for all
        foreach (string? token in new[] { null, alice.Token, bob.Token })
        {
            RestAnswer read = await server.SendAsync(HttpMethod.Get, $"{Root}/{hash}", token);
            Assert.Equal((200, "public, max-age=31536000, immutable", "text/plain"), (read.Status, read.Headers["Cache-Control"], read.ContentType));
            Assert.Equal(bytes, read.Bytes);
            (await server.SendAsync(HttpMethod.Get, $"{Root}/{nothing}", token)).AssertError(404, "not_found");
            Assert.Equal(404, (await server.SendAsync(HttpMethod.Head, $"{Root}/{nothing}", token)).Status);
        }

        await bob.ReleaseAsync(hash);
        Assert.Equal("text/plain", (await bob.ClaimAsync(hash)).AssertOk().GetProperty("mimeType").GetString());
        (await server.SendAsync(HttpMethod.Post, $"{Root}/{hash}/claim")).AssertError(401, "unauthorized");
        (await bob.ClaimAsync(nothing)).AssertError(404, "not_found");
    }

    [Fact]
    public void Ranges_never_reach_beyond_the_bytes()
    {
        Random random = new(3);
        for (int i = 0; i < 20_000; i++)
        {
            string text = "bytes=" + new string([.. Enumerable.Range(0, random.Next(1, 14)).Select(_ => "0123456789--,, "[random.Next(15)])]);
            int length = random.Next(1, 200);
            IReadOnlyList<ByteRange> ranges = ByteRanges.Read(text, length) ?? [];
            Assert.All(ranges, range => Assert.True(range.First >= 0 && range.First <= range.Last && range.Last < length, $"{text} of {length}"));
            Assert.True(ranges.Sum(range => range.Length) <= length);
        }
    }

    private static string Text((int First, int Last) range, int length, Random random) =>
        range.Last == length - 1 && random.Next(2) == 0 ? random.Next(2) == 0 ? $"{range.First}-" : $"-{length - range.First}" : $"{range.First}-{range.Last}";

    private static bool RangeAndBytes((string Range, byte[] Bytes) left, (string Range, byte[] Bytes) right) => left.Range == right.Range && left.Bytes.AsSpan().SequenceEqual(right.Bytes);

    private static void AssertParts(IEnumerable<(string Range, byte[] Bytes)> expected, RestAnswer read)
    {
        const string Prefix = "multipart/byteranges; boundary=";
        Assert.StartsWith(Prefix, read.ContentType, StringComparison.Ordinal);
        string boundary = read.ContentType![Prefix.Length..];
        using MemoryStream whole = new();
        string before = "";
        foreach ((string range, byte[] bytes) in expected)
        {
            whole.Write(Encoding.ASCII.GetBytes($"{before}--{boundary}\r\nContent-Type: image/png\r\nContent-Range: {range}\r\n\r\n"));
            whole.Write(bytes);
            before = "\r\n";
        }

        whole.Write(Encoding.ASCII.GetBytes($"\r\n--{boundary}--\r\n"));
        Assert.True(whole.ToArray().AsSpan().SequenceEqual(read.Bytes));
    }
}
