using System.Buffers;
using System.Text;
using Automerge.Sync;
using Automerge.Tests.Fuzzing;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Fuzzing.Tests.Corpora;
using Ratatoskr.Fuzzing.Tests.Frames;
using Ratatoskr.Fuzzing.Tests.Messages;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.WebSockets;
using SharedTests.Fuzzing;

namespace Ratatoskr.Fuzzing.Tests.Sessions;

/// <summary>One step of a hostile session after the other: what a client would say, what one once said, and what none ever would.</summary>
internal sealed class SessionMutator(FuzzCase one, SessionWorld world)
{
    private static readonly string[] Names = [SessionWorld.Attacker, "alice", "bob", "ratatoskr-server-store", "", "x", new('y', 1024), new('z', 1025), "client-1"];

    private static readonly byte[][] Texts =
    [
        """{"type":"auth","token":"mallory"}"""u8.ToArray(), """{"type":"auth","token":"bad"}"""u8.ToArray(), """{"type":"auth","anonymous":true}"""u8.ToArray(), """{"type":"auth","token":"\ud800"}"""u8.ToArray(),
        "{"u8.ToArray(), """{"type":{"a":[[[[[[[[[[[[]]]]]]]]]]]]}}"""u8.ToArray(), "ping"u8.ToArray(), """{"type":"auth","token":"mallory/2"}{}"""u8.ToArray(),
    ];

    private readonly Random _random = one.Random;

    // Damage to frames ends a session soon, and what comes behind it is not tried.
    private readonly bool _damagesFrames = one.OneIn(4);

    public void Run(int steps)
    {
        if (!one.OneIn(6)) Hello();
        for (; steps > 0; steps--)
        {
            if (!world.Mallory.IsConnected && one.OneIn(2))
            {
                world.Reconnect();
                if (!one.OneIn(6)) Hello();
            }

            Step();
        }
    }

    private void Step()
    {
        switch (_random.Next(20))
        {
            case 0: world.HonestEdit(); break;
            case 1: world.HonestEdit(); world.Settle(); break;
            case 2: world.Settle(); break;
            case 3: world.Server.Tick(1 + _random.Next(12)); break;
            case 4: ChangeWorld(); break;
            case 5 or 6 or 7: ActAsClient(); break;
            case 8 or 9: Replay(); break;
            case 10: Send(Sync(SyncMessageMutator.Make(_random, world.History, world.Known))); break;
            case 11 or 12 or 13: Send(Changes()); break;
            case 14: SendFrames([FuzzFrame.Whole(Opcode.Text, one.OneIn(3) ? ByteMutator.Mutate(_random, one.Pick(Texts)) : one.Pick(Texts))]); break;
            case 15: Hello(); break;
            case 16: Send(Ephemeral()); break;
            case 17: Send(Gossip()); break;
            case 18: SendFrames([FuzzFrame.Whole(Opcode.Ping, new byte[_random.Next(126)]), FuzzFrame.Whole(Opcode.Pong, [])]); break;
            default: Send(ByteMutator.Mutate(_random, one.Pick(Corpus.CapturedMessages), CborMutator.Words)); break;
        }
    }

    private void ChangeWorld()
    {
        switch (_random.Next(8))
        {
            case 0: world.Reconnect(); break;
            case 1: world.Leave(); break;
            case 2: world.Share(one.Pick<Permission>([Permission.None, Permission.Read, Permission.Read | Permission.Write])); break;
            case 3 when one.OneIn(3): world.Revoke(); break;
            case 4: world.AnswerSlowly(true); break;
            case 5: world.AnswerSlowly(false); break;
            case 6: world.Mallory.Connection.IsWritable = false; break;
            default:
                if (!world.Mallory.IsConnected || world.Mallory.Connection.IsWritable) break;
                world.Server.Drain(world.Mallory);
                break;
        }
    }

    private void Hello()
    {
        string name = one.OneIn(8) ? one.Pick(Names) : SessionWorld.Attacker;
        CborTree hello = _random.Next(4) switch
        {
            0 => CborTree.Map(CborTree.Text("type"), CborTree.Text("auth"), CborTree.Text("token"), CborTree.Text(one.OneIn(6) ? one.Pick<string>(["bad", ""]) : one.Pick<string>([SessionWorld.Attacker, "mallory/2"]))),
            1 => CborTree.Map(CborTree.Text("type"), CborTree.Text("auth"), CborTree.Text("anonymous"), new CborTree { Major = 7, Argument = 21 }),
            _ => CborTree.Map(
                CborTree.Text("type"), CborTree.Text("join"), CborTree.Text("senderId"), CborTree.Text(name),
                CborTree.Text("peerMetadata"), CborTree.Map(CborTree.Text("storageId"), CborTree.Text(one.Pick<string>(["mallory-store", "alice-store"])), CborTree.Text("isEphemeral"), new CborTree { Major = 7, Argument = 20 }),
                CborTree.Text("supportedProtocolVersions"), CborTree.Array(CborTree.Text("1"))),
        };
        Send(hello.Write());
    }

    // A stock client's own doings, of which some frames are damaged on the way.
    private void ActAsClient()
    {
        TestPeer client = world.Mallory;
        if (!client.IsConnected) return;
        DocumentId id = Document();
        switch (_random.Next(4))
        {
            case 0 or 1: client.Open(id); break;
            case 2 when client.Documents.ContainsKey(id) && client[id].Graph.MaxOp < uint.MaxValue - 1000: client.Edit(id, $"mallory {_random.Next()}", 1 + _random.Next(20)); break;
            case 3: client.SayUnavailable(id); break;
            default: client.SayEphemeral(id, [0x01]); break;
        }

        while (client.Outbox.TryDequeue(out byte[]? message)) Send(message, damage: one.OneIn(5));
    }

    // What was recorded of an honest session, as it was or with other names and ids in it.
    private void Replay()
    {
        if (one.OneIn(3))
        {
            List<FuzzFrame> frames = FuzzFrame.Parse(one.Pick(Corpus.Files("sessions")).Bytes);
            int from = _random.Next(frames.Count);
            foreach (FuzzFrame frame in frames.Skip(one.OneIn(2) ? from : 0)) Send(frame.Payload, damage: one.OneIn(12));
            return;
        }

        CborTree message = CborTree.Parse(one.Pick(Corpus.CapturedMessages));
        if (message["senderId"] is { } sender && !one.OneIn(5)) sender.Content = Encoding.UTF8.GetBytes(SessionWorld.Attacker);
        if (message["documentId"] is { } document && !one.OneIn(3)) document.Content = Document().Text.ToArray();
        Send(message.Write(), damage: one.OneIn(2));
    }

    private byte[] Changes()
    {
        ArrayBufferWriter<byte> output = new();
        SyncMessageWriter writer = new(output);
        writer.WriteVersion(one.OneIn(4) ? SyncVersion.V1 : SyncVersion.V2);
        writer.WriteHashes([]);
        writer.WriteHashes([]);
        writer.WriteCount(0);
        int count = 1 + _random.Next(3);
        writer.WriteCount(count);
        for (; count > 0; count--) writer.WriteEntry(ChangeMutator.Mutate(_random, world.History, one.OneIn(4) ? _random.Next(world.History.Changes.Count) : world.Known));
        writer.WriteFlags(SyncFlags.SupportsSyncReset);
        return Sync(output.WrittenSpan.ToArray());
    }

    private byte[] Sync(byte[] data) => CborTree.Map(
        CborTree.Text("type"), CborTree.Text(one.OneIn(4) ? "request" : "sync"),
        CborTree.Text("senderId"), CborTree.Text(Sender()),
        CborTree.Text("targetId"), CborTree.Text(one.Pick(Names)),
        CborTree.Text("documentId"), CborTree.Text(Document().ToString()),
        CborTree.Text("data"), CborTree.Bytes(data)).Write();

    private byte[] Ephemeral() => CborTree.Map(
        CborTree.Text("type"), CborTree.Text("ephemeral"),
        CborTree.Text("senderId"), CborTree.Text(Sender()),
        CborTree.Text("targetId"), CborTree.Text("ratatoskr-server-store"),
        CborTree.Text("documentId"), CborTree.Text(Document().ToString()),
        CborTree.Text("sessionId"), CborTree.Text($"s{_random.Next(3)}"),
        CborTree.Text("count"), CborTree.Number(one.OneIn(4) ? 1UL << _random.Next(64) : (ulong)_random.Next(100)),
        CborTree.Text("data"), CborTree.Bytes(one.OneIn(3) ? ByteMutator.Mutate(_random, one.Pick(Corpus.CapturedMessages), CborMutator.Words) : one.Pick(Corpus.CapturedMessages))).Write();

    private byte[] Gossip()
    {
        string[] stores = ["alice-store", "mallory-store", "server-store", $"store-{_random.Next(30)}"];
        CborTree heads = CborTree.Array([.. Enumerable.Range(0, _random.Next(12)).Select(i => CborTree.Text($"head{i}"))]);
        return (one.OneIn(2)
            ? CborTree.Map(
                CborTree.Text("type"), CborTree.Text("remote-subscription-change"), CborTree.Text("senderId"), CborTree.Text(Sender()), CborTree.Text("targetId"), CborTree.Text(""),
                CborTree.Text("add"), CborTree.Array(CborTree.Text(one.Pick(stores)), CborTree.Text(one.Pick(stores))), CborTree.Text("remove"), CborTree.Array(CborTree.Text(one.Pick(stores))))
            : CborTree.Map(
                CborTree.Text("type"), CborTree.Text("remote-heads-changed"), CborTree.Text("senderId"), CborTree.Text(Sender()), CborTree.Text("targetId"), CborTree.Text(""),
                CborTree.Text("documentId"), CborTree.Text(Document().ToString()),
                CborTree.Text("newHeads"), CborTree.Map(CborTree.Text(one.Pick(stores)), CborTree.Map(CborTree.Text("heads"), heads, CborTree.Text("timestamp"), Timestamp())))).Write();
    }

    private CborTree Timestamp() => CborTree.Number(one.OneIn(3) ? 1UL << _random.Next(64) : (ulong)(world.Server.Time.NowMs + _random.Next(1000)));

    private string Sender() => one.OneIn(8) ? one.Pick(Names) : SessionWorld.Attacker;

    private DocumentId Document() => _random.Next(10) switch
    {
        0 or 1 => SessionWorld.Private,
        2 => TestServer.Document($"unknown {_random.Next(40)}"),
        _ => SessionWorld.Shared,
    };

    private void Send(byte[] message, bool? damage = null)
    {
        if (damage ?? one.OneIn(6))
        {
            message = one.OneIn(3) || !IsSound(message) ? ByteMutator.Mutate(_random, message, CborMutator.Words) : CborMutator.Mutate(_random, message);
        }

        SendFrames([FuzzFrame.Whole(Opcode.Binary, message)]);
    }

    private void SendFrames(List<FuzzFrame> frames)
    {
        if (_damagesFrames && one.OneIn(40)) FrameMutator.Mutate(_random, frames);
        List<byte> output = [];
        foreach (FuzzFrame frame in frames) frame.WriteTo(output);
        byte[] bytes = [.. output];
        int cut = one.OneIn(3) ? _random.Next(bytes.Length + 1) : bytes.Length;
        world.Deliver(bytes[..cut]);
        if (cut < bytes.Length) world.Deliver(bytes[cut..]);
    }

    private static bool IsSound(byte[] message) => PlainMessage.IsWellFormed(message, 16);
}
