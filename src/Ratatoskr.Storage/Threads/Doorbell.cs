using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ratatoskr.Storage.Threads;

/// <summary>
/// What threads sleep at until they are woken, one for each ring. Nothing is locked while it is rung. The framework's monitors and semaphores ring inside their locks: who is woken takes
/// the processor from him who wakes, finds the lock taken and sleeps again, and he may have to wait for a whole time slice of somebody else's (docs/adr/0016).
/// </summary>
/// <remarks>Safe on any thread. A ring that nobody waits for is kept for the next who does.</remarks>
public sealed partial class Doorbell : IDisposable
{
    private const int Interrupted = 4;                            // EINTR
    private const int CloseOnExec = 0x80000;                      // EFD_CLOEXEC
    private const int OneEach = 1;                                // EFD_SEMAPHORE

    private readonly SafeFileHandle? _event;
    private readonly Semaphore? _semaphore;

    /// <exception cref="IOException">The system has no descriptor left.</exception>
    public Doorbell()
    {
        if (!OperatingSystem.IsLinux())
        {
            _semaphore = new Semaphore(0, int.MaxValue);
            return;
        }

        int descriptor = EventCreate(0, CloseOnExec | OneEach);
        if (descriptor < 0) throw new IOException($"a thread has nothing to sleep at: {Marshal.GetLastPInvokeErrorMessage()}");
        _event = new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Wakes one thread, now or when it comes.</summary>
    public void Ring()
    {
        ulong one = 1;
        if (_event is null) _semaphore!.Release();
        else _ = Write(_event, in one, sizeof(ulong));            // fails only with 2^64 rings that nobody has heard
    }

    /// <summary>Sleeps until a ring.</summary>
    public void Wait()
    {
        if (_event is null)
        {
            _semaphore!.WaitOne();
            return;
        }

        while (Read(_event, out _, sizeof(ulong)) < 0)
        {
            if (Marshal.GetLastPInvokeError() != Interrupted) throw new IOException($"waiting for a ring: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    public void Dispose()
    {
        _event?.Dispose();
        _semaphore?.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int EventCreate(uint value, int flags);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Write(SafeFileHandle descriptor, in ulong value, nint length);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Read(SafeFileHandle descriptor, out ulong value, nint length);
}
