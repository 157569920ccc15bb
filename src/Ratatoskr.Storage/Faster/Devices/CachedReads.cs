using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ratatoskr.Storage.Faster.Devices;

/// <summary>Reads of what the system has in memory, which take a microsecond or two; what it would have to fetch is left to who can wait.</summary>
/// <remarks>Safe on any thread.</remarks>
internal static unsafe partial class CachedReads
{
    private const int NoWait = 8;                                 // RWF_NOWAIT, preadv2(2)

    private static volatile bool s_areUnsupported = !OperatingSystem.IsLinux();

    /// <returns>false: not all of it is in memory, or nobody can say.</returns>
    public static bool TryRead(SafeFileHandle file, IntPtr into, uint length, ulong offset)
    {
        if (s_areUnsupported) return false;
        Vector vector = new() { Base = into, Length = length };
        try
        {
            // An error is met again, and told, by the read that waits.
            return ReadVector(file, &vector, 1, (long)offset, NoWait) == length;
        }
        catch (EntryPointNotFoundException)
        {
            s_areUnsupported = true;                              // a C library without it
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "preadv2")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint ReadVector(SafeFileHandle file, Vector* vectors, int count, long offset, int flags);

    // struct iovec
    private struct Vector
    {
        public IntPtr Base;
        public nuint Length;
    }
}
