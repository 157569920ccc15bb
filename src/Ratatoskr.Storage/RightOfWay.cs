namespace Ratatoskr.Storage;

/// <summary>
/// Who goes first at the one disk that documents and blobs share: a commit, which somebody waits for. As long as documents are committed, blobs give the disk one piece at a time,
/// whosever they are, and begin none while a commit is under way. So a commit finds at most one piece before it; without this it found all that uploads had handed over.
/// </summary>
/// <remarks>
/// A commit never waits here, and wakes nobody: whom it woke, the system might run at once and it later. A piece waits for the commit under way, not for the one after it, so whoever edits without
/// a pause does not keep blobs from being written. One thread commits; blobs are safe on any thread.
/// </remarks>
public sealed class RightOfWay
{
    // Who types pauses, and should not find the disk full of blobs when he goes on.
    private static readonly TimeSpan QuietAfter = TimeSpan.FromSeconds(10);

    private readonly Lock _turn = new();
    private readonly TimeProvider _time;
    private readonly Action _pause;
    private long _lastCommit;
    private int _commit;                                          // odd while one is under way
    private bool _hasCommitted;

    public RightOfWay(TimeProvider time)
        : this(time, static () => Thread.Sleep(1))
    {
    }

    /// <param name="pause">What a piece does again and again while it waits for a commit.</param>
    internal RightOfWay(TimeProvider time, Action pause) => (_time, _pause) = (time, pause);

    /// <summary>Whether documents are being committed these days: else blobs need not take turns.</summary>
    internal bool IsClaimed => Volatile.Read(ref _hasCommitted) && _time.GetElapsedTime(Volatile.Read(ref _lastCommit)) < QuietAfter;

    /// <summary>By the thread that commits; <see cref="EndCommit"/> follows whatever happens.</summary>
    internal void BeginCommit()
    {
        Volatile.Write(ref _lastCommit, _time.GetTimestamp());
        Volatile.Write(ref _hasCommitted, true);
        Volatile.Write(ref _commit, _commit + 1);
    }

    internal void EndCommit() => Volatile.Write(ref _commit, _commit + 1);

    /// <summary>Waits for a blob's turn at the disk, if they take turns. To be disposed by the same thread.</summary>
    internal Turn Enter()
    {
        if (!IsClaimed) return default;
        _turn.Enter();
        int commit = Volatile.Read(ref _commit);
        while ((commit & 1) != 0 && Volatile.Read(ref _commit) == commit) _pause();
        return new Turn(this);
    }

    internal readonly ref struct Turn(RightOfWay? way)
    {
        public void Dispose() => way?._turn.Exit();
    }
}
