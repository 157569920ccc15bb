using System.Buffers;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// Folds the stored part of a document's tail into its snapshot. Works on bytes that do not change, so the document is read and written meanwhile.
/// </summary>
internal sealed class CompactionJob : DocumentJob
{
    // Beside the op set: the changes of the document as they are made again and read back.
    private const int WriteFactor = 2;

    private readonly EngineLimits _limits;
    private readonly ReadOnlyMemory<byte> _snapshot;
    private readonly GraphPrefix _known;
    private readonly List<ReadOnlyMemory<byte>> _changes = [];
    private readonly long _changeBytes;

    public CompactionJob(DocumentActor document, DocumentContent content, StoredPart stored, EngineLimits limits)
        : base(document)
    {
        Content = content;
        Read = content.Version;
        Stored = stored;
        _limits = limits;
        _snapshot = content.Snapshot;
        _known = content.Graph.FirstRows(content.SnapshotRows);
        for (int row = content.SnapshotRows; row < stored.Rows;)
        {
            ReadOnlyMemory<byte> chunks = content.ChangesFrom(row, stored.Rows, out row);
            _changes.Add(chunks);
            _changeBytes += chunks.Length;
        }
    }

    public override bool IsUrgent => false;

    /// <summary>What was folded, by identity.</summary>
    public DocumentContent Content { get; }

    /// <summary>The version of the snapshot that was folded into.</summary>
    public SnapshotVersion Read { get; }

    /// <summary>What the new snapshot holds.</summary>
    public StoredPart Stored { get; }

    /// <summary>The new snapshot, read back; null when it could not be made.</summary>
    public SnapshotBody? Body { get; private set; }

    /// <summary>Why it could not be made.</summary>
    public string? Error { get; private set; }

    protected override long MeasureBytes()
    {
        long bytes = WriteFactor * OperationsJob.TailFactor * _changeBytes;
        return _snapshot.IsEmpty ? bytes : bytes + DocumentSize.Measure(_snapshot.Span, _limits.Document).OpSetBytes + SnapshotVerifier.MeasureBytes(_snapshot.Span, _limits.Document);
    }

    protected override void Work()
    {
        byte[] changes = ArrayPool<byte>.Shared.Rent((int)Math.Min(_changeBytes, Array.MaxLength));
        try
        {
            int length = 0;
            foreach (ReadOnlyMemory<byte> chunks in _changes)
            {
                chunks.Span.CopyTo(changes.AsSpan(length));
                length += chunks.Length;
            }

            byte[] chunk = DocumentCompactor.Compact(_snapshot.Span, _known, changes.AsSpan(0, length), _limits.Document, out ChangeGraph graph);
            if (graph.Count != Stored.Rows) throw new AutomergeFormatException($"{graph.Count} changes instead of {Stored.Rows}");
            ArrayBufferWriter<byte> index = new(graph.EncodedLength);
            graph.WriteTo(index);
            Body = new SnapshotBody(chunk, index.WrittenMemory, graph.Heads.ToArray());
        }
        catch (AutomergeFormatException e)
        {
            Error = e.Message;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(changes);
        }
    }
}
