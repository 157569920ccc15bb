using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Operations;
using Ratatoskr.Engine.Limits;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// Builds the op set of a document that is about to be written, from its snapshot and tail. Its document takes no input meanwhile, but may be read:
/// the job changes nothing of the content.
/// </summary>
internal sealed class OperationsJob(DocumentActor document, DocumentContent content, EngineLimits limits) : DocumentJob(document)
{
    // What a change in the tail takes for each of its bytes, about: a keystroke of 120 bytes becomes a run or joins one.
    public const int TailFactor = 4;

    // Of a document chunk: its columns, inflated.
    private const int ChunkFactor = 8;

    private List<(ChangeHash Hash, string Why)>? _unsound;

    /// <summary>What the op set was built of.</summary>
    public DocumentContent Content { get; } = content;

    /// <summary>null: it cannot be built, <see cref="Fault"/> says why.</summary>
    public OpSet? Operations { get; private set; }

    public OperationsFault? Fault { get; private set; }

    /// <summary>Stored changes whose operations do not fit the document, and those that depend on them: the content must do without them. null: none.</summary>
    public IReadOnlyList<(ChangeHash Hash, string Why)>? Unsound => _unsound;

    protected override long MeasureBytes()
    {
        long operations = 0;
        for (int row = Content.SnapshotRows; row < Content.Graph.Count; row++) operations += (long)Content.Graph.MaxOpOf(row) - Content.Graph.StartOpOf(row) + 1;
        long bytes = Math.Max(TailFactor * Content.TailBytes, IngressJob.OperationBytes * operations);
        if (!Content.Snapshot.IsEmpty) bytes += DocumentSize.Measure(Content.Snapshot.Span, limits.Document).OpSetBytes + (ChunkFactor * (long)Content.Snapshot.Length);
        return bytes;
    }

    protected override void Work()
    {
        try
        {
            OpSet operations = LoadSnapshot();
            if (Fault is not null) return;
            operations.RowsMax = limits.Document.MaxRows;
            operations.BytesMax = limits.OperationsBytesMax;
            ApplyTail(operations);
            if (Fault is not null) return;
            Operations = operations;
        }
        catch (AutomergeFormatException e)
        {
            Fault = e.IsTooMuch ? OperationsFault.TooLarge : new OperationsFault(AcceptOutcome.Damaged, $"the stored document is damaged: {e.Message}");
        }
    }

    private OpSet LoadSnapshot()
    {
        ReadOnlySpan<byte> snapshot = Content.Snapshot.Span;
        if (snapshot.IsEmpty) return new OpSet();
        if (DocumentSize.Measure(snapshot, limits.Document).Rows > limits.Document.MaxRows) Fault = OperationsFault.TooLarge;
        return Fault is null ? OpSet.Load(snapshot, limits.Document, limits.OperationsBytesMax) : new OpSet();
    }

    private void ApplyTail(OpSet operations)
    {
        HashSet<ChangeHash>? unsound = null;
        for (int row = Content.SnapshotRows; row < Content.Graph.Count; row++)
        {
            ChangeHash hash = Content.Graph.HashAt(row);
            ChangeVerdict verdict = unsound is not null && limits.Validation == ValidationMode.Enforce && DependsOn(unsound, row)
                ? new ChangeVerdict(ChangeFault.Reference, "it depends on a change that does not fit the document")
                : operations.TryApply(Content.ChangeAt(row), hash, Content.Graph);
            if (verdict.IsOk) continue;
            if (verdict.Fault == ChangeFault.Limit)
            {
                Fault = OperationsFault.TooLarge;
                return;
            }

            (unsound ??= []).Add(hash);
            (_unsound ??= []).Add((hash, verdict.What));
        }
    }

    private bool DependsOn(HashSet<ChangeHash> unsound, int row)
    {
        foreach (int dep in Content.Graph.DepsOf(row))
        {
            if (unsound.Contains(Content.Graph.HashAt(dep))) return true;
        }

        return false;
    }
}

/// <summary>Why a document's op set cannot be had, which keeps the document from being written; it can still be read.</summary>
internal sealed record OperationsFault(AcceptOutcome Outcome, string Why)
{
    public static OperationsFault TooLarge { get; } = new(AcceptOutcome.TooLarge, "the document is too large to be written");
}
