using System.ComponentModel;

namespace Ratatoskr.Transport.Sockets;

/// <summary>What the system's errors are to those who call.</summary>
internal static class SocketErrors
{
    /// <summary>Of the last call on this thread.</summary>
    public static IOException Last()
    {
        Win32Exception cause = new(Linux.LastError);
        return new IOException(cause.Message, cause);
    }
}
