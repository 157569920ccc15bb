using Ratatoskr.Storage.Threads;

namespace Ratatoskr.Storage.Blobs;

/// <summary>
/// Threads for what waits for a disk or hashes for long, and they yield to those that serve documents: beside an upload on two cores an edit is as fast as alone, without it took half
/// as long again. Each has its own buffers.
/// </summary>
/// <remarks>Safe on any thread. The queue is as long as callers wait.</remarks>
internal sealed class DiskThreads(int threadsMax, int pieceBytes) : TransientThreads<DiskThreads.Job>(threadsMax, "blobs"), IDisposable
{
    /// <summary>Runs on one of the threads. What it throws comes back.</summary>
    /// <exception cref="StoreUnavailableException">Closed.</exception>
    public Task<TResult> RunAsync<TResult>(Func<PieceBuffers, TResult> work)
    {
        Job<TResult> job = new(work);
        if (!TryAdd(job)) throw new StoreUnavailableException("the blobs' folder is closed");
        return job.Result;
    }

    /// <summary>What is queued is still done.</summary>
    public void Dispose() => Close();

    protected override void Live()
    {
        Niceness.YieldAsBatch();
        PieceBuffers buffers = new(pieceBytes);
        while (Next() is { } job) job.Run(buffers);
    }

    internal abstract class Job
    {
        public abstract void Run(PieceBuffers buffers);
    }

    private sealed class Job<TResult>(Func<PieceBuffers, TResult> work) : Job
    {
        private readonly TaskCompletionSource<TResult> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<TResult> Result => _result.Task;

        public override void Run(PieceBuffers buffers)
        {
            try
            {
                _result.SetResult(work(buffers));
            }
            catch (Exception e)
            {
                _result.SetException(e);
            }
        }
    }
}

/// <summary>Two buffers of a piece each, a thread's own; the second one is for comparing.</summary>
internal sealed class PieceBuffers(int bytes)
{
    private byte[]? _second;

    public byte[] First { get; } = new byte[bytes];

    public byte[] Second => _second ??= new byte[bytes];
}
