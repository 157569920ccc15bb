using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Protocol;

/// <summary>
/// The peer broke the protocol in a way that ends its connection. Caught in one place, the connection loop,
/// which closes with <see cref="CloseCode"/> and logs <see cref="Exception.Message"/> once.
/// </summary>
public sealed class ProtocolException(CloseCode closeCode, string why) : Exception(why)
{
    public CloseCode CloseCode { get; } = closeCode;
}
