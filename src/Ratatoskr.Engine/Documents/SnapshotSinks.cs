using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;

namespace Ratatoskr.Engine.Documents;

/// <summary>Fills a change graph from a document chunk.</summary>
internal sealed class GraphSink(ChangeGraph graph) : IDocumentSink
{
    private int[] _actors = [];

    public ChangeGraph Graph => graph;

    public void Begin(IReadOnlyList<ActorId> actors, int changeCount)
    {
        _actors = new int[actors.Count];
        for (int i = 0; i < _actors.Length; i++) _actors[i] = graph.InternActor(actors[i].Bytes);
    }

    public bool WantsBytes(int row) => false;

    public void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes)
    {
        GraphVerdict verdict = graph.AddTrusted(header.Hash, depRows, _actors[actor], header.Seq, header.StartOp, header.MaxOp);
        if (verdict != GraphVerdict.Added) throw new AutomergeFormatException($"change {header.Hash} of the document: {verdict}");
    }
}

/// <summary>Collects the chunks of some of a document's changes.</summary>
internal sealed class RecreateSink(HashSet<int> rows) : IDocumentSink
{
    public Dictionary<int, byte[]> Changes { get; } = new(rows.Count);

    public void Begin(IReadOnlyList<ActorId> actors, int changeCount)
    {
    }

    public bool WantsBytes(int row) => rows.Contains(row);

    public void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes)
    {
        if (!bytes.IsEmpty) Changes[row] = bytes.ToArray();
    }
}
