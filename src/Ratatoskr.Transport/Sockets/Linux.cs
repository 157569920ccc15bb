using System.Runtime.InteropServices;

namespace Ratatoskr.Transport.Sockets;

/// <summary>The system calls that sockets take, with the numbers of x86-64 and arm64. What fails returns -1, and <see cref="LastError"/> says why.</summary>
internal static unsafe partial class Linux
{
    // Errors.
    public const int Interrupted = 4;               // EINTR
    public const int TryAgain = 11;                 // EAGAIN
    public const int Aborted = 103;                 // ECONNABORTED

    // Events.
    public const uint Readable = 0x1;               // EPOLLIN
    public const uint Writable = 0x4;               // EPOLLOUT
    public const uint Failed = 0x8;                 // EPOLLERR
    public const uint HungUp = 0x10;                // EPOLLHUP
    public const uint PeerShutDown = 0x2000;        // EPOLLRDHUP
    public const uint EdgeTriggered = 1u << 31;     // EPOLLET
    public const int ControlAdd = 1;                // EPOLL_CTL_ADD
    public const int ControlRemove = 2;             // EPOLL_CTL_DEL

    // Flags of a call.
    public const int CloseOnExec = 0x80000;         // SOCK_CLOEXEC, EPOLL_CLOEXEC, EFD_CLOEXEC
    public const int NonBlocking = 0x800;           // SOCK_NONBLOCK, EFD_NONBLOCK
    public const int Peek = 0x2;                    // MSG_PEEK
    public const int DontWait = 0x40;               // MSG_DONTWAIT
    public const int NoSignal = 0x4000;             // MSG_NOSIGNAL
    public const int More = 0x8000;                 // MSG_MORE
    public const int Both = 2;                      // SHUT_RDWR

    // Socket options.
    public const int SocketLevel = 1;               // SOL_SOCKET
    public const int Linger = 13;                   // SO_LINGER

    private const string C = "libc";

    /// <summary>Of the last call on this thread that failed.</summary>
    public static int LastError => Marshal.GetLastPInvokeError();

    [LibraryImport(C, EntryPoint = "accept4", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int Accept(SafeHandle listener, byte* address, int* addressLength, int flags);

    [LibraryImport(C, EntryPoint = "recv", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial nint Receive(SafeHandle socket, byte* room, nint length, int flags);

    [LibraryImport(C, EntryPoint = "send", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial nint Send(SafeHandle socket, byte* bytes, nint length, int flags);

    [LibraryImport(C, EntryPoint = "shutdown")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int Shutdown(SafeHandle socket, int how);

    [LibraryImport(C, EntryPoint = "setsockopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int SetOption(SafeHandle socket, int level, int option, void* value, int length);

    [LibraryImport(C, EntryPoint = "getsockname")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int GetName(SafeHandle socket, byte* address, int* addressLength);

    [LibraryImport(C, EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int Close(nint descriptor);

    [LibraryImport(C, EntryPoint = "epoll_create1", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int EpollCreate(int flags);

    [LibraryImport(C, EntryPoint = "epoll_ctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int EpollControl(SafeHandle epoll, int operation, SafeHandle descriptor, byte* asked);

    [LibraryImport(C, EntryPoint = "epoll_wait", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int EpollWait(SafeHandle epoll, byte* events, int count, int timeoutMs);

    [LibraryImport(C, EntryPoint = "eventfd", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int EventCreate(uint value, int flags);

    [LibraryImport(C, EntryPoint = "write")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial nint Write(SafeHandle descriptor, void* bytes, nint length);
}
