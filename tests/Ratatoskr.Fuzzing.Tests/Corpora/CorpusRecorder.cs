using System.Text;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Fuzzing.Tests.Frames;
using Ratatoskr.Fuzzing.Tests.Messages;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Fuzzing.Tests.Corpora;

/// <summary>
/// Writes the corpora of sessions, frames and messages anew, from our own clients and by hand: <c>FUZZ_RECORD=1</c> and this class's test. What was recorded is committed, so that the seeds of
/// failures stay good; inputs that failed are called found-… and are not touched.
/// </summary>
public class CorpusRecorder
{
    private static readonly DocumentId Shared = TestServer.Document("shared");

    [Fact]
    public void Record()
    {
        if (Environment.GetEnvironmentVariable("FUZZ_RECORD") != "1") return;
        Save("sessions", "edits", Session("mallory", null, peer =>
        {
            peer.Open(Shared);
            for (int i = 0; i < 3; i++) peer.Edit(Shared, $"edit {i}", 1 + i);
            peer.SayEphemeral(Shared, [0x63, .. "abc"u8]);
        }));
        Save("sessions", "reads", Session("mallory", "mallory-store", peer => peer.Open(Shared)));
        Save("sessions", "many-documents", Session("mallory", "mallory-store", peer =>
        {
            for (int i = 0; i < 25; i++) peer.Open(TestServer.Document($"unknown {i}"));
            peer.Edit(TestServer.Document("unknown 3"));
        }));
        Save("sessions", "speaks-v1", Session(new TestPeer("mallory", speaksV1Only: true), peer =>
        {
            peer.Open(Shared);
            peer.Edit(Shared, "one");
        }));
        Save("sessions", "original-client", Frames(
            CborTree.Map(CborTree.Text("type"), CborTree.Text("auth"), CborTree.Text("token"), CborTree.Text("mallory")).Write(),
            CborTree.Map(
                CborTree.Text("type"), CborTree.Text("request"), CborTree.Text("senderId"), CborTree.Text("client-7"), CborTree.Text("targetId"), CborTree.Text("server"),
                CborTree.Text("documentId"), CborTree.Text(Shared.ToString()), CborTree.Text("data"), CborTree.Bytes([0x42, 0, 0, 1, 0, 0, 0, 2, 1, 2])).Write(),
            CborTree.Map(CborTree.Text("type"), CborTree.Text("leave"), CborTree.Text("senderId"), CborTree.Text("client-7")).Write()));

        Save("frames", "messages", Frames([1, 2, 3], new byte[125], new byte[126], []));
        Save("frames", "fragments", [.. ClientBytes(new FuzzFrame(1, [0xc3]), new FuzzFrame(0x89, [1]), new FuzzFrame(0, []), new FuzzFrame(0x80, [0xa9]), FuzzFrame.Whole(Opcode.Close, [3, 0xe8, (byte)'x']))]);
        Save("frames", "huge-length", [.. ClientBytes(FuzzFrame.Whole(Opcode.Binary, [1]) with { Claimed = 1L << 40 })]);
        Save("frames", "long-control", [.. ClientBytes(FuzzFrame.Whole(Opcode.Ping, new byte[126]))]);

        Save("messages", "deep", [.. Enumerable.Repeat((byte)0x81, 200), 0]);
        Save("messages", "deep-value", [0xa2, 0x61, (byte)'x', .. Enumerable.Repeat((byte)0x9f, 40), 0x64, .. "type"u8, 0x64, .. "sync"u8]);
        Save("messages", "huge-map", [0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x61, (byte)'x']);
        Save("messages", "type-twice", CborTree.Map(CborTree.Text("type"), CborTree.Text("sync"), CborTree.Text("type"), CborTree.Text("join")).Write());
        Save("messages", "indefinite", [0xbf, 0x64, .. "type"u8, 0x65, .. "leave"u8, 0x68, .. "senderId"u8, 0x7f, 0x61, (byte)'a', 0xff, 0xff]);
        Save("messages", "ephemeral", CborTree.Map(
            CborTree.Text("type"), CborTree.Text("ephemeral"), CborTree.Text("senderId"), CborTree.Text("mallory"), CborTree.Text("targetId"), CborTree.Text("server"),
            CborTree.Text("documentId"), CborTree.Text(Shared.ToString()), CborTree.Text("sessionId"), CborTree.Text("s"), CborTree.Text("count"), CborTree.Number(ulong.MaxValue),
            CborTree.Text("data"), CborTree.Bytes(Encoding.UTF8.GetBytes("not CBOR at all"))).Write());
    }

    private static byte[] Session(string name, string? storageId, Action<TestPeer> act) => Session(new TestPeer(name, storageId: storageId), act);

    // What a peer sends to a server on which another has a document open.
    private static byte[] Session(TestPeer peer, Action<TestPeer> act)
    {
        using TestServer server = new();
        TestPeer other = server.Connect("alice");
        other.Open(Shared);
        other.Edit(Shared, "hers", 3);
        server.Settle();
        List<byte[]> said = [];
        peer.Connect(new Listening(server.Engine, said));
        server.Watch(peer);
        server.Settle();
        act(peer);
        server.Settle();
        return Frames([.. said]);
    }

    private static byte[] Frames(params byte[][] messages) => [.. ClientBytes([.. messages.Select(message => FuzzFrame.Whole(Opcode.Binary, message))])];

    private static List<byte> ClientBytes(params FuzzFrame[] frames)
    {
        List<byte> output = [];
        foreach (FuzzFrame frame in frames) frame.WriteTo(output);
        return output;
    }

    private static void Save(string target, string name, byte[] bytes)
    {
        Directory.CreateDirectory(Path.Combine(Corpus.Folder, target));
        File.WriteAllBytes(Path.Combine(Corpus.Folder, target, name + ".bin"), bytes);
    }

    private sealed class Listening(ISyncEndpoint server, List<byte[]> said) : ISyncEndpoint
    {
        public IPeerSession Accept(IPeerConnection connection, ConnectionInfo info) => new Session(server.Accept(connection, info), said);

        private sealed class Session(IPeerSession inner, List<byte[]> said) : IPeerSession
        {
            public bool IsEstablished => inner.IsEstablished;

            public int MaxMessageBytes => inner.MaxMessageBytes;

            public ValueTask ReceiveAsync(ReadOnlyMemory<byte> message)
            {
                said.Add(message.ToArray());
                return inner.ReceiveAsync(message);
            }

            public ValueTask ReceiveTextAsync(ReadOnlyMemory<byte> message) => inner.ReceiveTextAsync(message);

            public void Drained() => inner.Drained();

            public void Disconnected() => inner.Disconnected();
        }
    }
}
