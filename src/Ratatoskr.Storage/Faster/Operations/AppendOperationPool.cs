using System.Collections.Concurrent;

namespace Ratatoskr.Storage.Faster.Operations;

/// <summary>Append operations between two uses.</summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class AppendOperationPool
{
    // About 200 bytes each. More than that many appends at once are rare, and then the collector copes.
    private const int CountMax = 1024;

    private readonly ConcurrentQueue<AppendOperation> _free = new();
    private int _count;

    public AppendOperation Rent()
    {
        if (!_free.TryDequeue(out AppendOperation? operation)) return new AppendOperation(this);
        Interlocked.Decrement(ref _count);
        return operation;
    }

    public void Return(AppendOperation operation)
    {
        if (Interlocked.Increment(ref _count) <= CountMax) _free.Enqueue(operation);
        else Interlocked.Decrement(ref _count);
    }
}
