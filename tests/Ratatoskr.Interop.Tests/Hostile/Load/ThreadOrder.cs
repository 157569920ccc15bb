using System.Runtime.InteropServices;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>
/// Who of the clients runs first: what honest peers measure should be the server, and not that attackers have the clients' processor. Being "nicer" is not enough for that: Linux lets whoever runs
/// finish a slice of a few milliseconds before an ordinary thread that has just been woken.
/// </summary>
/// <remarks>Linux: of the calling thread alone. Where it may not be, all are alike.</remarks>
internal static partial class ThreadOrder
{
    private const int Niceness = 10;
    private const int Fifo = 1;

    /// <summary>Before every ordinary thread, from the moment it is woken.</summary>
    public static void GoFirst()
    {
        int priority = 1;
        if (OperatingSystem.IsLinux()) _ = SetScheduler(0, Fifo, in priority);
    }

    /// <summary>With what the others leave.</summary>
    public static void GiveWay()
    {
        if (OperatingSystem.IsLinux()) _ = SetPriority(0, 0, GetPriority(0, 0) + Niceness);
    }

    // Its parameters are one number.
    [LibraryImport("libc", EntryPoint = "sched_setscheduler")]
    private static partial int SetScheduler(int thread, int policy, in int priority);

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int priority);

    [LibraryImport("libc", EntryPoint = "getpriority")]
    private static partial int GetPriority(int which, int who);
}
