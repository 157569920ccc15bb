using System.Buffers;
using Automerge.Changes;
using Automerge.Sync;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Simulation.Tests.Checks;

namespace Ratatoskr.Simulation.Tests.Peers;

/// <summary>What a hostile peer sends instead of the truth.</summary>
internal static class Lies
{
    /// <summary>Ephemeral data that only ever comes under a foreign name: nobody must get it.</summary>
    public static ReadOnlySpan<byte> ForgedEphemeral => [0x82, 0x06, 0x06];

    private const int Kinds = 13;

    /// <returns>What was said, for the story; null when there was nothing to say.</returns>
    public static string? Tell(SimulatedPeer liar, SimulatedPeer other, DocumentId id, uint choice, Audit audit)
    {
        if (!liar.IsConnected || !liar.IsWelcome) return null;
        PeerDocument? own = liar.Documents.GetValueOrDefault(id);
        ChangeHash[] heads = own is null ? [] : own.Graph.Heads.ToArray();
        ChangeHash unheard = Random(choice);
        switch ((choice >> 8) % Kinds)
        {
            case 0:
                liar.SaySync(id, Message([unheard], [], [], 0));
                return "false heads";
            case 1:
                liar.SaySync(id, Message(heads, [unheard, Random(choice + 1)], [], 0));
                return "needs that nobody has";
            case 2:
                liar.SaySync(id, Message([], heads, [], SyncFlags.SyncReset));
                return "a reset";
            case 3:
                liar.SaySync(id, Message(heads, [], [], 0), sender: other.PeerId.Text);
                return $"heads in the name of {other.Name}";
            case 4:
                liar.SayEphemeral(id, ForgedEphemeral, other.PeerId.Text);
                return $"something in the name of {other.Name}";
            case 5 or 11 or 12:
                if (own is null || own.Graph.MaxOp == 0) return null;
                byte[] poison = PeerDocument.MakePoison(own.Graph, new ActorId([0xEE, (byte)liar.Number, (byte)(choice >> 16), (byte)(choice >> 24)]), out ChangeHash hash);
                audit.Poison(hash);
                liar.SaySync(id, Message(heads, [], [poison], 0));
                return $"poison {hash.ToString()[..6]}";
            case 6:
                if (own is null || own.Graph.Count == 0) return null;
                byte[] damaged = [.. own.ChangeAt(own.Graph.Count - 1)];
                damaged[(int)((choice >> 12) % (uint)damaged.Length)] ^= 0x40;
                liar.SaySync(id, Message(heads, [], [damaged], 0));
                return "a damaged change";
            case 7:
                liar.SaySync(id, [0x42, 0xFF, (byte)choice]);
                return "what is no sync message";
            case 8:
                liar.Outbox.Enqueue([0xA1, 0x61, (byte)choice]);
                return "what is no message";
            case 9:
                // Its last change without the one before it.
                if (own is null || own.Graph.Count < 2) return null;
                liar.SaySync(id, Message(heads, [], [own.ChangeAt(own.Graph.Count - 1)], 0));
                return $"{own.Graph.HashAt(own.Graph.Count - 1).ToString()[..6]} alone";
            default:
                if (own is null) return null;
                liar.SayUnavailable(id);
                return "that it is unavailable";
        }
    }

    /// <summary>A sync message with no Bloom filter.</summary>
    public static ReadOnlySpan<byte> Message(ReadOnlySpan<ChangeHash> heads, ReadOnlySpan<ChangeHash> need, ReadOnlySpan<byte[]> changes, SyncFlags flags)
    {
        ArrayBufferWriter<byte> output = new();
        SyncMessageWriter writer = new(output);
        writer.WriteVersion(SyncVersion.V2);
        writer.WriteHashes(heads);
        writer.WriteHashes(need);
        writer.WriteCount(0);
        writer.WriteCount(changes.Length);
        foreach (byte[] change in changes) writer.WriteEntry(change);
        writer.WriteFlags(SyncFlags.SupportsSyncReset | flags);
        return output.WrittenSpan;
    }

    private static ChangeHash Random(uint choice)
    {
        byte[] bytes = new byte[ChangeHash.Size];
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)((choice >> (i % 4 * 8)) + (uint)i);
        return new ChangeHash(bytes);
    }
}
