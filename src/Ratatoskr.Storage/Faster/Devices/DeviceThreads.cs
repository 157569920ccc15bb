using Ratatoskr.Storage.Threads;

namespace Ratatoskr.Storage.Faster.Devices;

/// <summary>The threads that read and write for all <see cref="FileDevice"/>s of the process.</summary>
/// <remarks>Safe on any thread. What waits is what FASTER has under way: pages that are written, and 64 reads for each thread that reads.</remarks>
internal sealed class DeviceThreads : TransientThreads<IThreadPoolWorkItem>
{
    public static readonly DeviceThreads Shared = new();

    // Disks do several things at once, the faster the more; a thread that waits for one costs nothing.
    private const int ThreadsMax = 16;

    private DeviceThreads()
        : base(ThreadsMax, "storage disk")
    {
    }

    public void Start(IThreadPoolWorkItem work) => TryAdd(work);

    protected override void Live()
    {
        while (Next() is { } work) work.Execute();
    }
}
