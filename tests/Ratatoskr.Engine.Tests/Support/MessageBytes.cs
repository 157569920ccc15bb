using System.Text;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>Messages that only some peers send.</summary>
internal static class MessageBytes
{
    public static byte[] Auth(string token)
    {
        byte[] frame = new byte[256];
        return frame[..MessageWriter.WriteAuth(frame, Encoding.UTF8.GetBytes(token))];
    }
}
