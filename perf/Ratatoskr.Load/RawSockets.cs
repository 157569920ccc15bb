using System.Buffers.Binary;
using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Ratatoskr.Load;

/// <summary>
/// TCP connections to this machine by the system's own calls, waited for all together on one thread: a client that costs less than any server, so
/// that it is never the client that is measured. Linux only.
/// </summary>
/// <remarks>One thread at a time.</remarks>
internal sealed unsafe partial class RawSockets : IDisposable
{
    private const int Ipv4 = 2, Stream = 1, CloseOnExec = 0x80000;
    private const int Add = 1, Readable = 1, EdgeTriggered = 1 << 31;
    private const int DontWait = 0x40, NoSignal = 0x4000;
    private const int TryAgain = 11, Interrupted = 4;
    private const int EventsMax = 64;

    private readonly int _epoll = Checked(epoll_create1(CloseOnExec), "epoll_create1");
    private readonly Event* _events = (Event*)NativeMemory.Alloc(EventsMax, (nuint)sizeof(Event));

    /// <summary>Connects, and waits for it: the kernel shakes hands within the call.</summary>
    /// <param name="tag">What <see cref="Wait"/> says when something has come.</param>
    public int Connect(int port, int tag)
    {
        int socket = Checked(RawSockets.socket(Ipv4, Stream | CloseOnExec, 0), "socket");
        Span<byte> address = stackalloc byte[16];
        address.Clear();
        address[0] = Ipv4;
        BinaryPrimitives.WriteUInt16BigEndian(address[2..], checked((ushort)port));
        BinaryPrimitives.WriteUInt32BigEndian(address[4..], 0x7f00_0001);
        fixed (byte* first = address) Checked(connect(socket, first, address.Length), "connect");
        Event asked = new() { Events = Readable | EdgeTriggered, Tag = tag };
        Checked(epoll_ctl(_epoll, Add, socket, &asked), "epoll_ctl");
        return socket;
    }

    public static void Send(int socket, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* first = bytes)
        {
            if (Checked((int)send(socket, first, bytes.Length, NoSignal), "send") != bytes.Length) throw new IOException("sent in part");
        }
    }

    /// <returns>Bytes; 0 when there are none yet.</returns>
    /// <exception cref="EndOfStreamException">The server has closed.</exception>
    public static int Receive(int socket, Span<byte> room)
    {
        nint count;
        fixed (byte* first = room) count = recv(socket, first, room.Length, DontWait);
        if (count > 0) return (int)count;
        if (count == 0) throw new EndOfStreamException();
        return Marshal.GetLastSystemError() == TryAgain ? 0 : throw new Win32Exception(Marshal.GetLastSystemError(), "recv");
    }

    /// <summary>Waits until something has come on one of them. It is told once: what has come is to be received.</summary>
    public int Wait(Span<int> tags)
    {
        int count;
        do
        {
            count = epoll_wait(_epoll, _events, Math.Min(EventsMax, tags.Length), -1);
        }
        while (count < 0 && Marshal.GetLastSystemError() == Interrupted);

        Checked(count, "epoll_wait");
        for (int i = 0; i < count; i++) tags[i] = (int)_events[i].Tag;
        return count;
    }

    public static void Close(int socket) => _ = close(socket);

    public void Dispose()
    {
        Close(_epoll);
        NativeMemory.Free(_events);
    }

    private static int Checked(int result, string call) => result >= 0 ? result : throw new Win32Exception(Marshal.GetLastSystemError(), call);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int connect(int socket, byte* address, int length);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint send(int socket, byte* bytes, nint length, int flags);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint recv(int socket, byte* bytes, nint length, int flags);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int close(int file);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int epoll_ctl(int epoll, int operation, int socket, Event* asked);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int epoll_wait(int epoll, Event* events, int count, int timeout);

    // Packed, as on x86-64 alone.
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private struct Event
    {
        public int Events;
        public long Tag;
    }
}
