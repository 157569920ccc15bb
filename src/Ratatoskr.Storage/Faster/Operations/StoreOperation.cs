using System.Threading.Tasks.Sources;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Storage.Faster.Operations;

/// <summary>
/// A call on its way to the writer thread. Until the writer takes it, it can be cancelled; afterwards only its outcome counts.
/// </summary>
/// <remarks>Made by the caller's thread, then the writer's until it is answered. The bytes it refers to stay the caller's.</remarks>
internal abstract class StoreOperation
{
    private const int Waiting = 0;
    private const int Taken = 1;
    private const int Cancelled = 2;

    private int _state;
    private CancellationToken _stop;
    private CancellationTokenRegistration _registration;

    public DocumentId Id { get; protected set; }

    public Fence Fence { get; protected set; }

    /// <summary>What it will add to the journal, about.</summary>
    public virtual long Bytes => 0;

    protected bool WasTaken => Volatile.Read(ref _state) == Taken;

    /// <summary>The writer claims it. false: it was cancelled, and answered.</summary>
    public bool TryTake() => Interlocked.CompareExchange(ref _state, Taken, Waiting) == Waiting;

    /// <summary>To be called before it is queued.</summary>
    public void CancelWith(CancellationToken stop)
    {
        if (!stop.CanBeCanceled) return;
        _stop = stop;
        _registration = stop.UnsafeRegister(static operation => ((StoreOperation)operation!).OnCancelled(), this);
    }

    /// <summary>Answers what was decided. The object may be in use again at the return.</summary>
    public abstract void Complete();

    /// <summary>It was not carried out.</summary>
    public abstract void Refuse(Exception reason);

    /// <summary>It was sent to the device and nobody knows.</summary>
    public abstract void AnswerUnknown(Exception reason);

    /// <summary>Waits for a cancellation that is just running; afterwards the object may be used again.</summary>
    protected void Detach()
    {
        _registration.Dispose();
        _registration = default;
        _stop = default;
    }

    protected void ResetState() => Volatile.Write(ref _state, Waiting);

    private void OnCancelled()
    {
        if (Interlocked.CompareExchange(ref _state, Cancelled, Waiting) == Waiting) Refuse(new OperationCanceledException(_stop));
    }
}

/// <summary>An operation with a task for an answer: for what is rare.</summary>
internal abstract class TaskOperation<T> : StoreOperation
{
    private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Answer => _answer.Task;

    public T Outcome { get; set; } = default!;

    public override void Complete()
    {
        Detach();
        _answer.TrySetResult(Outcome);
    }

    public override void Refuse(Exception reason) => _answer.TrySetException(reason);

    public override void AnswerUnknown(Exception reason) => _answer.TrySetException(reason);
}

internal sealed class CompactOperation : TaskOperation<bool>
{
    public CompactOperation(DocumentId id, SnapshotVersion read, SnapshotBody body, TailRange folded, Fence fence) =>
        (Id, Fence, Read, Body, Folded) = (id, fence, read, body, folded);

    public override long Bytes => Body.Chunk.Length + Body.Index.Length + 256;

    public SnapshotVersion Read { get; }

    public SnapshotBody Body { get; }

    public TailRange Folded { get; }

    /// <summary>Names its parts; 0 until the first was journaled.</summary>
    public ulong BodyNumber { get; set; }

    /// <summary>Parts journaled so far, of the chunk and then of the index.</summary>
    public int PartsDone { get; set; }
}

internal sealed class DeleteOperation : TaskOperation<bool>
{
    public DeleteOperation(DocumentId id, Fence fence) => (Id, Fence) = (id, fence);
}

internal sealed class SaveSyncStateOperation : TaskOperation<bool>
{
    public SaveSyncStateOperation(DocumentId id, ReadOnlyMemory<byte> storageId, ReadOnlyMemory<byte> state) => (Id, StorageId, State) = (id, storageId, state);

    public ReadOnlyMemory<byte> StorageId { get; }

    public ReadOnlyMemory<byte> State { get; }
}

/// <summary>Something the writer thread is to do between two groups.</summary>
internal sealed class WriterCall(Action action) : TaskOperation<bool>
{
    public void Run() => action();
}

/// <summary>An append: the one operation that comes by the ten thousand, so it is its own awaitable and used again.</summary>
internal sealed class AppendOperation : StoreOperation, IValueTaskSource<AppendOutcome>
{
    private readonly AppendOperationPool _pool;
    private ManualResetValueTaskSourceCore<AppendOutcome> _answer;

    public AppendOperation(AppendOperationPool pool)
    {
        _pool = pool;
        _answer.RunContinuationsAsynchronously = true;
    }

    public AppendBatch Batch { get; private set; }

    public AppendOutcome Outcome { get; set; }

    /// <summary>The sequence it was given; 0: it was not journaled.</summary>
    public ulong Sequence { get; set; }

    public override long Bytes => Batch.Chunks.Length + 256;

    public ValueTask<AppendOutcome> Start(AppendBatch batch, Fence fence)
    {
        (Id, Fence, Batch, Sequence) = (batch.Id, fence, batch, 0);
        return new ValueTask<AppendOutcome>(this, _answer.Version);
    }

    public override void Complete() => _answer.SetResult(Outcome);

    /// <summary>The same, and what waits for the answer goes on before this returns.</summary>
    public void CompleteHere()
    {
        _answer.RunContinuationsAsynchronously = false;
        _answer.SetResult(Outcome);
    }

    public override void Refuse(Exception reason) => _answer.SetException(reason);

    public override void AnswerUnknown(Exception reason) => _answer.SetResult(AppendOutcome.Unknown);

    public AppendOutcome GetResult(short token)
    {
        try
        {
            return _answer.GetResult(token);
        }
        finally
        {
            Detach();
            // A cancelled one is still in the writer's queue: it is left to the collector.
            if (WasTaken)
            {
                _answer.Reset();
                _answer.RunContinuationsAsynchronously = true;
                Batch = default;
                ResetState();
                _pool.Return(this);
            }
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _answer.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _answer.OnCompleted(continuation, state, token, flags);
}
