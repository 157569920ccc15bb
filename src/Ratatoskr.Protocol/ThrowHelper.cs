using System.Diagnostics.CodeAnalysis;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Protocol;

/// <summary>Keeps the throwing out of the methods that run for every frame.</summary>
internal static class ThrowHelper
{
    /// <summary>The peer broke RFC 6455: close with 1002.</summary>
    [DoesNotReturn]
    public static void BadFrame(string why) => throw new ProtocolException(CloseCode.ProtocolError, why);

    [DoesNotReturn]
    public static void InvalidUtf8(string where) => throw new ProtocolException(CloseCode.InvalidPayload, where + " is not UTF-8");

    [DoesNotReturn]
    public static void MessageTooBig(int before, long frame, int max) =>
        throw new ProtocolException(CloseCode.MessageTooBig, $"message of at least {(ulong)before + (ulong)frame} bytes, limit is {max}");

    [DoesNotReturn]
    public static void DestinationTooShort() => throw new ArgumentException("destination is too short");
}
