using System.Buffers;
using System.Text;
using Automerge.Changes;
using Automerge.Sync;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Relay;

/// <summary>Messages that edit documents, one change each, made before the clock starts. What automerge-repo sends after a small edit of a map.</summary>
internal sealed class Edits
{
    /// <param name="inFrames">As a socket carries them; else what is in the frames.</param>
    public Edits(string peerId, string serverId, DocumentId[] documents, int rounds, bool inFrames = true)
    {
        Documents = documents;
        Messages = new byte[rounds][][];
        for (int round = 0; round < rounds; round++) Messages[round] = new byte[documents.Length][];
        ActorId actor = new(Encoding.ASCII.GetBytes(peerId.PadRight(16)[..16]));
        for (int document = 0; document < documents.Length; document++)
        {
            ChangeHash[] heads = [];
            for (int round = 0; round < rounds; round++)
            {
                ChangeOp op = new()
                {
                    Key = OpKey.Map("counter"),
                    Action = OpAction.Set,
                    Value = new EncodedValue(6, Encoding.ASCII.GetBytes($"value {round}")),
                    Predecessors = round == 0 ? [] : [new OpId((uint)round, actor)],
                };
                byte[] change = new Change { Actor = actor, Seq = (uint)round + 1, StartOp = (uint)round + 1, Deps = heads, Operations = [op] }.Encode(out ChangeHash hash);
                heads = [hash];
                byte[] message = SyncMessage(peerId, serverId, documents[document], heads, change);
                Messages[round][document] = inFrames ? RawPeer.Frame(message) : message;
            }
        }
    }

    public DocumentId[] Documents { get; }

    /// <summary>By round, then by document.</summary>
    public byte[][][] Messages { get; }

    public static DocumentId Document(int number) => DocumentId.FromPayload(Encoding.ASCII.GetBytes($"relay document {number}"));

    /// <summary>A sync message with these heads, and a change if there is one.</summary>
    public static byte[] SyncMessage(string from, string to, DocumentId id, ReadOnlySpan<ChangeHash> heads, byte[]? change)
    {
        ArrayBufferWriter<byte> data = new();
        SyncMessageWriter writer = new(data);
        writer.WriteVersion(SyncVersion.V2);
        writer.WriteHashes(heads);
        writer.WriteHashes([]);
        writer.WriteCount(0);
        writer.WriteCount(change is null ? 0 : 1);
        if (change is not null) writer.WriteEntry(change);
        writer.WriteFlags(SyncFlags.SupportsSyncReset);
        byte[] envelope = new byte[1024];
        int length = MessageWriter.WriteSyncEnvelope(envelope, Encoding.ASCII.GetBytes(from), Encoding.ASCII.GetBytes(to), id.Text, request: false, data.WrittenCount);
        return [.. envelope.AsSpan(0, length), .. data.WrittenSpan];
    }
}
