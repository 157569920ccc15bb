using Ratatoskr.Engine.Buffers;

namespace Ratatoskr.Engine.Sessions;

/// <summary>
/// What one session has sent and the shards have not dealt with. A session has only a little in mailboxes at a time, so that one that floods a shard waits for
/// itself: whoever else sends there finds that little before him, not a mailbox full.
/// </summary>
/// <remarks><see cref="RoomAsync"/> has one caller at a time, the connection's loop; the rest is safe on any thread.</remarks>
internal sealed class SessionBacklog : IBufferAccount
{
    // 16 small messages, or one of any size: what a shard does inline for them takes it a fraction of a millisecond.
    private const int UnhandledMax = 16 << 10;
    private const int MessageOverhead = 1 << 10;
    private const int WorkerShare = (UnhandledMax / 8) - MessageOverhead;

    private long _unhandled;                                  // in mailboxes: bytes and overhead
    private long _held;                                       // the same, and at documents and workers: bytes
    private TaskCompletionSource? _room;

    /// <summary>Bytes of its messages that nobody has let go of yet.</summary>
    public long HeldBytes => Volatile.Read(ref _held);

    /// <summary>It may send on only when the shards have handled something.</summary>
    public bool IsFull => Volatile.Read(ref _unhandled) > UnhandledMax;

    /// <summary>A message of it is put into a mailbox.</summary>
    public void Posted(int bytes) => Interlocked.Add(ref _unhandled, bytes + MessageOverhead);

    /// <summary>A shard has handled one.</summary>
    public void Handled(int bytes)
    {
        if (Interlocked.Add(ref _unhandled, -bytes - MessageOverhead) == 0 && Volatile.Read(ref _room) is not null) Interlocked.Exchange(ref _room, null)?.TrySetResult();
    }

    /// <summary>A worker looks at one, or will: nine at a time, and it is not read from until they are done.</summary>
    public void HandedToWorker() => Posted(WorkerShare);

    public void BackFromWorker() => Handled(WorkerShare);

    /// <summary>It has no room until <see cref="Continue"/>. Calls pair.</summary>
    public void Halt() => Posted(UnhandledMax);

    public void Continue() => Handled(UnhandledMax);

    /// <summary>Completes when it may send on: at once, unless too much of it waits in mailboxes; then when all of that is handled.</summary>
    public ValueTask RoomAsync()
    {
        if (!IsFull) return default;
        TaskCompletionSource room = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _room, room);                // a full fence: either the shard sees it, or we see what the shard has handled
        if (Volatile.Read(ref _unhandled) == 0) room.TrySetResult();
        return new ValueTask(room.Task);
    }

    void IBufferAccount.Taken(int bytes) => Interlocked.Add(ref _held, bytes);

    void IBufferAccount.Returned(int bytes) => Interlocked.Add(ref _held, -bytes);
}
