using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Hostile;

/// <summary>Frames no client sends. Whatever the server does with the one who sent them, the next client is served.</summary>
public class BadFramesTests(Stage stage)
{
    public static TheoryData<string, byte[]> BadMessages => new()
    {
        { "null", [0xf6] }, // ends the reference server's process
        { "undefined", [0xf7] },
        { "true", [0xf5] },
        { "number", [0x18, 0x2a] },
        { "text", [0x63, .. "abc"u8] },
        { "empty array", [0x80] },
        { "empty map", [0xa0] },
        { "garbage", [0xff, 0x13, 0x37, 0xde, 0xad, 0xbe, 0xef] },
        { "map cut off", [0xb9, 0x00, 0x05, 0x64, .. "type"u8] },
        { "string longer than the frame", [0xa1, 0x64, .. "type"u8, 0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff] },
        { "map of 2^32 entries", [0xba, 0xff, 0xff, 0xff, 0xff] },
        { "array of 2^63 entries", [0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff] },
        { "ten thousand nested arrays", Enumerable.Repeat((byte)0x81, 10_000).ToArray() },
        { "ten thousand nested tags", Enumerable.Repeat((byte)0xc1, 10_000).ToArray() },
        { "indefinite string without an end", [0x7f, 0x61, 0x61] },
        { "type that is a number", [0xa1, 0x64, .. "type"u8, 0x01] },
        { "type unknown to all", [0xa1, 0x64, .. "type"u8, 0x66, .. "nobody"u8] },
        { "text that is not UTF-8", [0xa1, 0x64, .. "type"u8, 0x62, 0xc3, 0x28] },
        { "sync without fields", [0xa1, 0x64, .. "type"u8, 0x64, .. "sync"u8] },
    };

    [Theory]
    [MemberData(nameof(BadMessages))]
    public async Task Bad_message_before_join_harms_nobody(string name, byte[] message)
    {
        TestServer server = await ServerAsync();
        await using RawPeer bad = await RawPeer.ConnectAsync(server.Url, $"bad-{name}");
        await bad.SendAsync(message);

        await AssertServesAsync(server);
    }

    [Theory]
    [MemberData(nameof(BadMessages))]
    public async Task Bad_message_after_join_harms_nobody(string name, byte[] message)
    {
        TestServer server = await ServerAsync();
        await using RawPeer bad = await RawPeer.JoinAsync(server.Url, $"bad-{name}-{Guid.NewGuid():N}");
        await bad.SendAsync(message);

        await AssertServesAsync(server);
    }

    [Fact]
    public async Task Text_frame_harms_nobody()
    {
        TestServer server = await ServerAsync();
        await using RawPeer bad = await RawPeer.JoinAsync(server.Url);
        await bad.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text);

        await AssertServesAsync(server);
    }

    [Fact]
    public async Task Empty_frame_harms_nobody()
    {
        TestServer server = await ServerAsync();
        await using RawPeer bad = await RawPeer.JoinAsync(server.Url);
        await bad.SendAsync(ReadOnlyMemory<byte>.Empty);

        await AssertServesAsync(server);
    }

    public static TheoryData<string> BadDocumentIds =>
        ["", "0", "not a document id", "OOOOOOOOOOOOOOOOOOOOOOOOOOO", "4NMNnkMhL8jXrdJ9jamS58PAVdX1", "../../etc/passwd", new string('2', 100_000), "\0", "ä€😀"];

    [Theory]
    [MemberData(nameof(BadDocumentIds))]
    public async Task Document_id_that_is_none_harms_nobody(string documentId)
    {
        TestServer server = await ServerAsync();
        await using RawPeer bad = await RawPeer.JoinAsync(server.Url);
        await bad.RequestAsync(documentId);
        await bad.SyncAsync(documentId, new SyncMessage { Heads = [new string('a', 64)], LastSync = [] });

        await AssertServesAsync(server);
    }

    public static TheoryData<string, byte[]> BadSyncMessages => new()
    {
        { "empty", [] },
        { "unknown version", [0x41, 0, 0, 0, 0] },
        { "cut off in a hash", [0x42, 1, 0xaa, 0xbb] },
        { "2^35 heads", [0x43, 0xff, 0xff, 0xff, 0xff, 0x7f] },
        { "length of eleven bytes", [0x43, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01] },
        { "2^31 haves", [0x43, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x08] },
        { "Bloom filter of 2^32 entries", [0x42, 0, 0, 1, 0, 7, 0xff, 0xff, 0xff, 0xff, 0x0f, 10, 7, 0] },
        { "Bloom filter with 2^32 probes", [0x42, 0, 0, 1, 0, 9, 1, 10, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0] },
        { "2^31 changes", [0x43, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x08] },
        { "change of 2^40 bytes", [0x43, 0, 0, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 1, 2, 3] },
        { "change that is no chunk", [0x43, 0, 0, 0, 1, 4, 1, 2, 3, 4] },
        { "chunk with a wrong checksum", [0x43, 0, 0, 0, 1, 14, 0x85, 0x6f, 0x4a, 0x83, 1, 2, 3, 4, 1, 4, 0, 0, 0, 0] },
        { "chunk that inflates without end", DeflateBomb() },
        { "something after the end", [0x42, 0, 0, 1, 0, 0, 0, 2, 2, 0x84, 0xff, 0xff] },
    };

    [Theory]
    [MemberData(nameof(BadSyncMessages))]
    public async Task Malformed_sync_message_leaves_the_document_as_it_was(string name, byte[] data)
    {
        TestServer server = await ServerAsync();
        await using JsRepo alice = await stage.OpenAsync(server: server);
        Seen created = await alice.CreateAsync("{ title: 'mine' }");
        await alice.UntilAcknowledgedAsync(created.DocumentId);
        await using RawPeer bad = await RawPeer.JoinAsync(server.Url, $"bad-{name}-{Guid.NewGuid():N}");

        await bad.SendAsync(Frame.Document("sync", bad.PeerId, bad.ServerId, created.DocumentId, data));
        await bad.SendAsync(Frame.Document("sync", bad.PeerId, bad.ServerId, DocumentIds.New(), data));

        await AssertServesAsync(server);
        await using JsRepo bob = await stage.OpenAsync(server: server);
        Assert.True((await bob.GetAsync(created.DocumentId)).SameAs(created));
    }

    /// <summary>The frame header says what is to come; memory for it must not be taken on its word.</summary>
    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(1L << 40)]
    [InlineData(int.MaxValue)]
    public async Task Frame_that_declares_a_huge_length_is_closed_or_waited_for_but_takes_no_memory(long length)
    {
        TestServer server = await ServerAsync();
        long before = ResidentBytes(server);
        List<RawSocket> sockets = [];
        for (int i = 0; i < 16; i++)
        {
            RawSocket socket = await RawSocket.UpgradeAsync(server.Port);
            byte[] header = new byte[14 + 100]; // binary, final, masked, 64-bit length, mask 0, some payload
            header[0] = 0x82;
            header[1] = 0x80 | 127;
            BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(2), length);
            await socket.SendAsync(header);
            sockets.Add(socket);
        }

        await AssertServesAsync(server);
        Assert.InRange(ResidentBytes(server) - before, long.MinValue, 256L << 20);
        foreach (RawSocket socket in sockets) await socket.DisposeAsync();
    }

    public static TheoryData<string, byte[]> BrokenWebSocketFrames => new()
    {
        { "unmasked", [0x82, 0x01, 0xf6] },
        { "reserved bit", [0xf2, 0x80, 0, 0, 0, 0] },
        { "reserved opcode", [0x83, 0x80, 0, 0, 0, 0] },
        { "continuation of nothing", [0x80, 0x80, 0, 0, 0, 0] },
        { "ping in two parts", [0x09, 0x80, 0, 0, 0, 0] },
        { "ping of 126 bytes", [0x89, 0xfe, 0x00, 0x7e, 0, 0, 0, 0] },
        { "close with one byte", [0x88, 0x81, 0, 0, 0, 0, 0x03] },
        { "length not in its shortest form", [0x82, 0xfe, 0x00, 0x01, 0, 0, 0, 0, 0xf6] },
        { "length above 2^63", [0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0] },
    };

    [Theory]
    [MemberData(nameof(BrokenWebSocketFrames))]
    public async Task Frame_that_breaks_RFC_6455_ends_the_connection(string _, byte[] frame)
    {
        TestServer server = await ServerAsync();
        await using RawSocket socket = await RawSocket.UpgradeAsync(server.Port);

        await socket.SendAsync(frame);

        await socket.UntilClosedAsync();
        await AssertServesAsync(server);
    }

    [Fact]
    public async Task Frame_sent_byte_by_byte_is_taken()
    {
        TestServer server = await ServerAsync();
        await using RawSocket socket = await RawSocket.UpgradeAsync(server.Port);
        byte[] join = Frame.Join("slow");
        Assert.InRange(join.Length, 0, 125); // one length byte
        byte[] frame = [0x82, (byte)(0x80 | join.Length), 0, 0, 0, 0, .. join];

        foreach (byte part in frame) await socket.SendAsync(new[] { part });
        await socket.SendAsync(new byte[] { 0x88, 0x80, 0, 0, 0, 0 }); // close

        byte[] received = await socket.UntilClosedAsync();
        Assert.Contains("peer", Encoding.Latin1.GetString(received), StringComparison.Ordinal);
    }

    private Task<TestServer> ServerAsync() => stage.ServerAsync("attacked");

    /// <summary>A real client can create, and another can find.</summary>
    private async Task AssertServesAsync(TestServer server)
    {
        await using JsRepo alice = await stage.OpenAsync(server: server);
        Seen created = await alice.CreateAsync("{ still: 'here' }");
        await alice.UntilAcknowledgedAsync(created.DocumentId);
        await using JsRepo bob = await stage.OpenAsync(server: server);
        Assert.True((await bob.GetAsync(created.DocumentId)).SameAs(created));
        Assert.True(server.IsRunning, server.Output);
    }

    private static long ResidentBytes(TestServer server)
    {
        string line = File.ReadLines($"/proc/{server.ProcessId}/status").First(row => row.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>A deflated change chunk of some hundred bytes that says it is a gigabyte of zeros.</summary>
    private static byte[] DeflateBomb()
    {
        MemoryStream packed = new();
        using (System.IO.Compression.DeflateStream deflate = new(packed, System.IO.Compression.CompressionLevel.SmallestSize, leaveOpen: true))
        {
            byte[] zeros = new byte[1 << 20];
            for (int i = 0; i < 64; i++) deflate.Write(zeros);
        }
        byte[] body = packed.ToArray();
        List<byte> chunk = [0x85, 0x6f, 0x4a, 0x83, 1, 2, 3, 4, 2];
        for (int rest = body.Length; ; rest >>= 7)
        {
            chunk.Add((byte)(rest > 0x7f ? rest | 0x80 : rest));
            if (rest <= 0x7f) break;
        }
        chunk.AddRange(body);
        return new SyncMessage { Changes = [[.. chunk]] }.Encode();
    }
}
