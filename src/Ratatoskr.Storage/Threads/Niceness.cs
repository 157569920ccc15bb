using System.Runtime.InteropServices;

namespace Ratatoskr.Storage.Threads;

/// <summary>Threads that run with what others leave of the processors.</summary>
public static partial class Niceness
{
    // Of 19: about a tenth of an ordinary thread's share when both want to run. The disk's schedulers follow it, those that know priorities.
    private const int Yielding = 10;
    private const int OfThread = 0;
    private const int BatchPolicy = 3;                            // SCHED_BATCH

    /// <summary>The calling thread yields to ordinary ones from here on; where that cannot be or is refused, it is a thread like others.</summary>
    public static void Yield()
    {
        if (OperatingSystem.IsLinux()) _ = SetPriority(OfThread, 0, Yielding);
    }

    /// <summary>The same, and woken it takes the processor from nobody.</summary>
    public static void YieldAsBatch()
    {
        Yield();
        int priority = 0;
        if (OperatingSystem.IsLinux()) _ = SetScheduler(0, BatchPolicy, in priority);
    }

    // Of the calling thread, for 0: on Linux priorities are threads'.
    [LibraryImport("libc", EntryPoint = "setpriority")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetPriority(int which, int who, int priority);

    // sched_setscheduler(2); its parameters are one number.
    [LibraryImport("libc", EntryPoint = "sched_setscheduler")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetScheduler(int thread, int policy, in int priority);
}
