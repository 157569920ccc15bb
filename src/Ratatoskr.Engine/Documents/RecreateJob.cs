using Automerge.Format;
using Ratatoskr.Engine.Limits;

namespace Ratatoskr.Engine.Documents;

/// <summary>Re-creates some changes of a snapshot for a peer that cannot take it whole (it speaks V1 only).</summary>
internal sealed class RecreateJob(DocumentActor document, ReadOnlyMemory<byte> snapshot, HashSet<int> rows, EngineLimits limits) : DocumentJob(document)
{
    public ReadOnlyMemory<byte> Snapshot { get; } = snapshot;

    /// <summary>The chunks by row; null when the snapshot turned out damaged.</summary>
    public Dictionary<int, byte[]>? Changes { get; private set; }

    public string? Error { get; private set; }

    protected override long MeasureBytes() => SnapshotVerifier.MeasureBytes(Snapshot.Span, limits.Document);

    protected override void Work()
    {
        try
        {
            Changes = SnapshotVerifier.Recreate(Snapshot.Span, rows, limits);
        }
        catch (AutomergeFormatException e)
        {
            Error = e.Message;
        }
    }
}
