using Automerge.Changes;
using Automerge.Documents;

namespace Ratatoskr.Engine.Documents;

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
