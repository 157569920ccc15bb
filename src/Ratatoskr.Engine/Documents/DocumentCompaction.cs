using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// When a document's tail is folded into its snapshot: a long one while it is written, a shorter one when it is quiet. A worker folds what is surely stored, the store
/// swaps the snapshots if nobody else has meanwhile; edits go on and stay in the tail. At every moment the store has all changes.
/// </summary>
/// <remarks>Owned by the document.</remarks>
internal sealed class DocumentCompaction(DocumentActor document, Shard shard)
{
    // What a quiet document's tail may have, against one that is written.
    private const int QuietShare = 16;
    private const int RetryDoublingsMax = 6;

    private bool _working;
    private int _failures;
    private Timestamp _notBefore;
    private CompactionJob? _swapped;                          // known while the content was lent

    /// <summary>The store may be about to swap the snapshot: what is in memory must see it.</summary>
    public bool IsStoring { get; private set; }

    /// <summary>A worker folds, or the store swaps.</summary>
    public bool IsUnderWay => _working || IsStoring;

    /// <summary>Begins a compaction because room is needed, unless one is under way.</summary>
    /// <returns>false: there is nothing to fold, or not now.</returns>
    public bool TryMakeRoom(Timestamp now, IEffects effects)
    {
        if (IsUnderWay) return true;
        if (document.Content is not { } content || !MayStart(content, now)) return false;
        return TryStart(content, effects);
    }

    /// <summary>Starts a compaction if one is due.</summary>
    public void StartIfDue(Timestamp now, IEffects effects)
    {
        if (document.Content is { } content && MayStart(content, now) && IsDue(content, now)) TryStart(content, effects);
    }

    /// <summary>A worker has folded.</summary>
    public void Worked(CompactionJob job, Timestamp now, IEffects effects)
    {
        _working = false;
        if (job.Body is null)
        {
            // What we have is kept, and is as good as before; but somebody must look at it.
            Fail(now);
            shard.Log.CompactionFailed(document.Id, job.Error, job.Bug);
            return;
        }

        // A message that is being verified may bring another snapshot; if the content was given up or has another already, there is nothing to fold.
        if (document.Content != job.Content || document.IsBusy || job.Content.Version != job.Read || !job.Content.IsWhole) return;
        IsStoring = true;
        job.Content.IsBeingReplaced = true;
        effects.Compact(job, job.Body with { Heads = job.Content.Graph.Heads.ToArray() }, shard.CurrentFence);
    }

    /// <summary>The store has swapped the snapshots, or not.</summary>
    /// <param name="outcome">Stored; Fenced: another was there before; Unknown: it failed.</param>
    public void Stored(CompactionJob job, AppendOutcome outcome, Exception? error, Timestamp now, IEffects effects)
    {
        if (outcome == AppendOutcome.Stored)
        {
            _failures = 0;
            shard.Metrics.DocumentCompacted();
            if (document.IsLent) _swapped = job;
            else Finish(job, now, effects);
            return;
        }

        Fail(now);
        if (error is not null) shard.Log.CompactionFailed(document.Id, null, error);
        IsStoring = false;
        job.Content.IsBeingReplaced = false;

        // Whether the store has another snapshot than what is in memory says is not known.
        if (document.Content is not null) document.Reload(now, effects);
    }

    /// <summary>A worker has given the content back.</summary>
    public void Returned(Timestamp now, IEffects effects)
    {
        if (_swapped is not { } job) return;
        _swapped = null;
        Finish(job, now, effects);
    }

    private void Finish(CompactionJob job, Timestamp now, IEffects effects)
    {
        IsStoring = false;
        job.Content.IsBeingReplaced = false;
        if (document.Content is not { } content || content.Version != job.Read) return;
        if (content == job.Content) document.Fold(job);
        else document.Reload(now, effects);                   // read again meanwhile, but before the swap
    }

    private bool MayStart(DocumentContent content, Timestamp now) =>
        !IsUnderWay && !document.IsLent && now >= _notBefore && content.IsWhole && !shard.Context.Workers.IsStopping;

    private bool TryStart(DocumentContent content, IEffects effects)
    {
        StoredPart stored = document.Writes.Stored;
        if (stored.Rows <= content.SnapshotRows || !shard.Context.Workers.HasRoomInBackground) return false;
        _working = true;
        effects.Work(new CompactionJob(document, content, stored, shard.Limits));
        return true;
    }

    private bool IsDue(DocumentContent content, Timestamp now)
    {
        EngineLimits limits = shard.Limits;
        bool isQuiet = now.UnixMs - document.LastWritten.UnixMs >= limits.QuietBeforeCompactionMs;
        int share = isQuiet ? QuietShare : 1;
        long bytes = content.TailBytes * share;
        return (long)content.TailCount * share > limits.TailChangesMax || (bytes > limits.TailBytesMin && bytes > content.Snapshot.Length);
    }

    private void Fail(Timestamp now)
    {
        shard.Metrics.CompactionFailed();
        _notBefore = now.AfterMs((long)shard.Limits.CompactionRetryMs << Math.Min(_failures++, RetryDoublingsMax));
    }
}
