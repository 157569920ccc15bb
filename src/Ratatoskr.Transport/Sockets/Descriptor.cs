using Microsoft.Win32.SafeHandles;

namespace Ratatoskr.Transport.Sockets;

/// <summary>A file descriptor, closed when nobody is in a call with it any more: its number may be somebody else's from then on.</summary>
internal sealed class Descriptor : SafeHandleMinusOneIsInvalid
{
    /// <param name="descriptor">What a call has returned.</param>
    /// <exception cref="IOException">It has returned -1.</exception>
    public Descriptor(int descriptor)
        : base(ownsHandle: true)
    {
        if (descriptor < 0) throw SocketErrors.Last();
        SetHandle(descriptor);
    }

    protected override bool ReleaseHandle() => Linux.Close(handle) == 0;
}
