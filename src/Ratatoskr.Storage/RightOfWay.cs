namespace Ratatoskr.Storage;

/// <summary>
/// Who goes first at the one disk that documents and blobs share: a commit, which somebody waits for. As long as documents are committed, blobs give the disk one piece at a time,
/// whosever they are, begin none while a commit is under way, and leave the disk and the processor alone after a large one for twice as long as it took. So a commit finds at most one
/// piece before it, and two of three find none; without this it found all that uploads had handed over.
/// </summary>
/// <remarks>
/// A commit never waits here, and wakes nobody: whom it woke, the system might run at once and it later. A piece waits for the commit under way, not for the one after it, so whoever edits without
/// a pause does not keep blobs from being written. One thread commits; blobs are safe on any thread.
/// </remarks>
public sealed class RightOfWay
{
    // Who types pauses, and should not find the disk full of blobs when he goes on.
    private static readonly TimeSpan QuietAfter = TimeSpan.FromSeconds(10);

    // What an upload gets beside somebody who edits: a third of the time. A half left acknowledgements 10 to 16 % late (docs/performance.md).
    private const int RestFactor = 2;

    // A disk that takes long for a piece is left alone for long, but uploads go on.
    private static readonly TimeSpan s_restMax = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(1);

    private readonly Lock _turn = new();
    private readonly TimeProvider _time;
    private readonly Action<TimeSpan> _sleep;
    private long _lastCommit;
    private int _commit;                                          // odd while one is under way
    private bool _hasCommitted;

    public RightOfWay(TimeProvider time)
        : this(time, Thread.Sleep)
    {
    }

    /// <param name="time">For how long ago a commit is, and how long a piece took.</param>
    /// <param name="sleep">What a piece does again and again while it waits for a commit, and once when it rests.</param>
    internal RightOfWay(TimeProvider time, Action<TimeSpan> sleep) => (_time, _sleep) = (time, sleep);

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
        while ((commit & 1) != 0 && Volatile.Read(ref _commit) == commit) _sleep(s_pause);
        return new Turn(this, _time.GetTimestamp());
    }

    internal readonly ref struct Turn(RightOfWay? way, long began)
    {
        /// <summary>After a large piece, before the turn is another's.</summary>
        public void Rest()
        {
            if (way is null) return;
            TimeSpan rest = way._time.GetElapsedTime(began) * RestFactor;
            way._sleep(rest < s_restMax ? rest : s_restMax);
        }

        public void Dispose() => way?._turn.Exit();
    }
}
