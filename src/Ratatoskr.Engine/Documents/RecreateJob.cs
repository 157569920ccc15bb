using Automerge.Format;
using Ratatoskr.Engine.Limits;

namespace Ratatoskr.Engine.Documents;

/// <summary>Re-creates some changes of a snapshot for a peer that cannot take it whole (it speaks V1 only), away from the shard.</summary>
/// <remarks>Made by the shard, run once by a worker, then the shard's again.</remarks>
internal sealed class RecreateJob(DocumentActor document, ReadOnlyMemory<byte> snapshot, HashSet<int> rows, EngineLimits limits)
{
    public ReadOnlyMemory<byte> Snapshot { get; } = snapshot;

    public DocumentActor Document { get; } = document;

    /// <summary>The chunks by row; null when the snapshot turned out damaged.</summary>
    public Dictionary<int, byte[]>? Changes { get; private set; }

    public string? Error { get; private set; }

    public void Run()
    {
        try
        {
            Changes = SnapshotVerifier.Recreate(Snapshot.Span, rows, limits);
        }
        catch (AutomergeFormatException e)
        {
            Error = e.Message;
        }
        catch (Exception e)
        {
            Error = e.ToString();                    // a bug of ours; a worker must not end the process
        }
    }
}
