using System.Runtime.InteropServices;

namespace Ratatoskr.Transport.Sockets;

/// <summary>How long a thread may keep a processor that others want.</summary>
internal static unsafe partial class TimeSlice
{
    private const int OrdinaryPolicy = 0;           // SCHED_OTHER
    private const int ThisThread = 0;
    private const ulong ShortestNs = 100_000;       // Linux takes no less
    private const ulong NotInherited = 1;           // SCHED_FLAG_RESET_ON_FORK: threads started by this one have ordinary slices

    /// <summary>
    /// Short ones for the calling thread: when it is woken it takes the processor from whoever has longer ones, who would keep it until the system's clock ticks (Linux 6.12 and later; before, and elsewhere, nothing changes).
    /// </summary>
    public static void AskForShort()
    {
        (int get, int set) = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => (315, 314),         // sched_getattr, sched_setattr
            Architecture.Arm64 => (275, 274),
            _ => default,
        };
        if (get == 0) return;
        Attributes mine = default;
        if (SystemCall(get, ThisThread, &mine, sizeof(Attributes), 0) != 0 || mine.Policy != OrdinaryPolicy) return;
        mine.Size = (uint)sizeof(Attributes);
        mine.Flags |= NotInherited;
        mine.RuntimeNs = ShortestNs;
        _ = SystemCall(set, ThisThread, &mine, 0, 0);
    }

    // The C library has no names of its own for these two before 2.41.
    [LibraryImport("libc", EntryPoint = "syscall")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint SystemCall(nint number, nint thread, Attributes* attributes, nint third, nint fourth);

    // struct sched_attr, as it was first.
    [StructLayout(LayoutKind.Sequential)]
    private struct Attributes
    {
        public uint Size;
        public uint Policy;
        public ulong Flags;
        public int Niceness;
        public uint Priority;
        public ulong RuntimeNs;
        public ulong DeadlineNs;
        public ulong PeriodNs;
    }
}
