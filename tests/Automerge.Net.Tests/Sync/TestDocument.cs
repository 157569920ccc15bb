using System.Buffers;
using Automerge.Changes;
using Automerge.Columns;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Sync;

namespace Automerge.Tests.Sync;

/// <summary>A document as sync sees it: graph, queue and the bytes of its changes. "The whole document" is all its changes one after the other.</summary>
internal sealed class TestDocument : IChangeSource
{
    private const ulong Key = 0x1234_5678_9abc_def1;

    private readonly List<byte[]> _chunks = [];
    private readonly List<QueuedChange> _ready = [];

    public ChangeGraph Graph { get; } = new(Key);

    public ChangeQueue Queue { get; } = new(Key);

    public long DocumentLength => _chunks.Sum(chunk => (long)chunk.Length);

    public ReadOnlySpan<byte> ChunkAt(int row) => _chunks[row];

    public int ChangeLength(int row) => _chunks[row].Length;

    public void WriteChange(int row, IBufferWriter<byte> output) => output.Write(_chunks[row]);

    public void WriteDocument(IBufferWriter<byte> output)
    {
        foreach (byte[] chunk in _chunks) output.Write(chunk);
    }

    /// <summary>Adds a change whose dependencies are there.</summary>
    public GraphVerdict Add(byte[] chunk)
    {
        ChangeVerdict verdict = ChangeVerifier.Verify(chunk, ChangeLimits.Default, out ChangeHeader header);
        Assert.True(verdict.IsOk, verdict.ToString());
        GraphVerdict foretold = Graph.Check(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount);
        GraphVerdict added = Graph.TryAdd(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount);
        Assert.Equal(foretold, added);
        if (added != GraphVerdict.Added) return added;
        _chunks.Add(chunk);
        Queue.Release(header.Hash);
        return added;
    }

    /// <summary>Applies changes as one message brings them.</summary>
    public void Apply(IEnumerable<byte[]> chunks)
    {
        foreach (byte[] chunk in chunks)
        {
            ChangeVerdict verdict = ChangeVerifier.Verify(chunk, ChangeLimits.Default, out ChangeHeader header);
            Assert.True(verdict.IsOk, verdict.ToString());
            if (!Graph.Contains(header.Hash)) Queue.TryEnqueue(Graph, header.Hash, header.Deps, chunk);
        }

        _ready.Clear();
        Queue.TakeReady(_ready);
        foreach (QueuedChange change in _ready) Assert.Equal(GraphVerdict.Added, Add(change.Chunk));
    }

    /// <summary>Cuts a stream of chunks into changes; document chunks are taken apart.</summary>
    public static List<byte[]> Cut(SyncMessageReader message) => Cut(message, out _);

    /// <summary>As above, and counts the document chunks.</summary>
    public static List<byte[]> Cut(SyncMessageReader message, out int documents)
    {
        List<byte[]> chunks = [];
        documents = 0;
        foreach (ReadOnlySpan<byte> entry in message.Changes)
        {
            ReadOnlySpan<byte> rest = entry;
            while (!rest.IsEmpty)
            {
                Assert.True(ChunkReader.TryRead(rest, out Chunk chunk, out ChunkError error), error.ToString());
                if (chunk.Type == ChunkType.Document)
                {
                    documents++;
                    DocumentReader.Read(chunk.Bytes, DocumentLimits.Default, new ChangeCollector(chunks));
                }
                else
                {
                    chunks.Add(chunk.Bytes.ToArray());
                }

                rest = rest[chunk.Length..];
            }
        }

        return chunks;
    }

    /// <summary>Makes a real change without operations on top of the given heads.</summary>
    public static byte[] EmptyChange(ReadOnlySpan<ChangeHash> deps, ReadOnlySpan<byte> actor, uint seq, uint startOp)
    {
        ArrayBufferWriter<byte> body = new();
        SyncMessageWriter lists = new(body);
        lists.WriteHashes(deps);
        lists.WriteEntry(actor);
        Leb128.WriteUnsigned(body, seq);
        Leb128.WriteUnsigned(body, startOp);
        body.Write((ReadOnlySpan<byte>)[0, 0, 0, 0]);                                // time, message, other actors, columns

        ArrayBufferWriter<byte> hashed = new();
        hashed.Write((ReadOnlySpan<byte>)[1]);
        Leb128.WriteUnsigned(hashed, (ulong)body.WrittenCount);
        hashed.Write(body.WrittenSpan);
        byte[] hash = System.Security.Cryptography.SHA256.HashData(hashed.WrittenSpan);
        return [.. ChunkReader.Magic, .. hash[..4], .. hashed.WrittenSpan];
    }

    /// <summary>Makes and adds a change on top of everything.</summary>
    public void Edit(ReadOnlySpan<byte> actor)
    {
        int index = Graph.FindActor(actor);
        int tip = index < 0 ? -1 : Graph.TipOf(index);
        uint seq = tip < 0 ? 1 : Graph.SeqOf(tip) + 1;
        Assert.Equal(GraphVerdict.Added, Add(EmptyChange(Graph.Heads, actor, seq, Graph.MaxOp + 1)));
    }

    private sealed class ChangeCollector(List<byte[]> chunks) : IDocumentSink
    {
        public void Begin(IReadOnlyList<ActorId> actors, int changeCount)
        {
        }

        public bool WantsBytes(int row) => true;

        public void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes) => chunks.Add(bytes.ToArray());
    }
}
