using System.Buffers;
using System.Text;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Sync;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>A document as a client has it: the graph, the bytes of every change, and what it knows of the server.</summary>
internal sealed class PeerDocument(DocumentId id, ActorId actor) : IChangeSource, IDocumentSink
{
    private const ulong Key = 0x5EED;

    private readonly List<byte[]> _chunks = [];
    private readonly List<QueuedChange> _ready = [];
    private byte[] _snapshot = [];
    private int _snapshotRows;

    public DocumentId Id => id;

    public ActorId Actor => actor;

    public ChangeGraph Graph { get; } = new(Key);

    public ChangeQueue Queue { get; } = new(Key);

    public SyncState State { get; set; } = new();

    /// <summary>The chunk that was added last.</summary>
    public byte[] LastChange => _chunks[^1];

    /// <summary>The server has said doc-unavailable, and nothing since.</summary>
    public bool IsUnavailable { get; set; }

    /// <summary>Whether this client applies what it gets.</summary>
    public bool IgnoresChanges => State.ReadOnly;

    public long DocumentLength => _snapshot.Length + _chunks.Skip(_snapshotRows).Sum(c => (long)c.Length);

    public byte[] ChangeAt(int row) => _chunks[row];

    public int ChangeLength(int row) => _chunks[row].Length;

    public void WriteChange(int row, IBufferWriter<byte> output) => output.Write(_chunks[row]);

    // A document chunk if the document came as one, and changes since; else all changes one after the other, which every reader takes as well.
    public void WriteDocument(IBufferWriter<byte> output)
    {
        output.Write(_snapshot);
        foreach (byte[] chunk in _chunks.Skip(_snapshotRows)) output.Write(chunk);
    }

    /// <summary>Starts with a saved document.</summary>
    public void Load(byte[] documentChunk)
    {
        Apply(documentChunk);
        _snapshot = documentChunk;
        _snapshotRows = Graph.Count;
    }

    /// <summary>Makes a change that sets some keys (0: an empty change, as automerge-repo makes for a new document) on top of all there is.</summary>
    public byte[] Edit(string value, int operations = 1)
    {
        byte[] chunk = Make(Graph, actor, value, operations, out ChangeHash hash);
        Accept(hash, chunk);
        return chunk;
    }

    /// <summary>A change of <paramref name="author"/> on the heads of <paramref name="graph"/>.</summary>
    public static byte[] Make(ChangeGraph graph, ActorId author, string value, int operations, out ChangeHash hash)
    {
        int index = graph.FindActor(author.Bytes);
        uint seq = index < 0 ? 1 : graph.SeqOf(graph.TipOf(index)) + 1;
        ChangeOp[] ops = new ChangeOp[operations];
        for (int i = 0; i < ops.Length; i++)
        {
            ops[i] = new ChangeOp { Key = OpKey.Map($"key{i}"), Action = OpAction.Set, Value = new EncodedValue(6, Encoding.UTF8.GetBytes(value)) };
        }

        return new Change { Actor = author, Seq = seq, StartOp = graph.MaxOp + 1, Deps = graph.Heads.ToArray(), Operations = ops }.Encode(out hash);
    }

    /// <summary>A change that breaks the document for everybody: well-formed, and what it replaces was never a value of its key.</summary>
    public static byte[] MakePoison(ChangeGraph graph, ActorId author, out ChangeHash hash)
    {
        int first = 0;
        while (graph.MaxOpOf(first) < graph.StartOpOf(first)) first++;      // one that has operations
        ChangeOp op = new()
        {
            Key = OpKey.Map("poison"),
            Action = OpAction.Set,
            Value = new EncodedValue(6, "!"u8.ToArray()),
            Predecessors = [new OpId(graph.StartOpOf(first), new ActorId(graph.ActorAt(graph.ActorOf(first))))],
        };
        int index = graph.FindActor(author.Bytes);
        uint seq = index < 0 ? 1 : graph.SeqOf(graph.TipOf(index)) + 1;
        return new Change { Actor = author, Seq = seq, StartOp = graph.MaxOp + 1, Deps = graph.Heads.ToArray(), Operations = [op] }.Encode(out hash);
    }

    /// <summary>Takes chunks of any kind.</summary>
    public void Apply(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (!ChunkReader.TryRead(bytes, out Chunk chunk, out ChunkError error)) throw new AutomergeFormatException(error.ToString());
            if (chunk.Type == ChunkType.Document) DocumentReader.Read(chunk.Bytes, DocumentLimits.Default, this);
            else Accept(chunk.ComputeHash(), chunk.Bytes.ToArray());
            bytes = bytes[chunk.Length..];
        }
    }

    void IDocumentSink.Begin(IReadOnlyList<ActorId> actors, int changeCount)
    {
    }

    bool IDocumentSink.WantsBytes(int row) => true;

    void IDocumentSink.Change(int row, int author, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes) =>
        Accept(header.Hash, bytes.ToArray());

    private void Accept(in ChangeHash hash, byte[] chunk)
    {
        ChangeVerdict sound = ChangeVerifier.Verify(chunk, ChangeLimits.Default, out ChangeHeader header);
        if (!sound.IsOk) throw new AutomergeFormatException(sound.ToString());
        switch (Graph.TryAdd(hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount))
        {
            case GraphVerdict.Added:
                _chunks.Add(chunk);
                Queue.Release(hash);
                _ready.Clear();
                Queue.TakeReady(_ready);
                foreach (QueuedChange ready in _ready.ToArray()) Accept(ready.Hash, ready.Chunk);
                break;
            case GraphVerdict.MissingDeps:
                Queue.TryEnqueue(Graph, hash, header.Deps, chunk);
                break;
            case GraphVerdict.Duplicate:
                break;
            case var refused:
                throw new AutomergeFormatException($"a client was sent a change that its graph refuses: {refused}");
        }
    }
}
