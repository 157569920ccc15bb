using System.Buffers;
using System.Text;
using Ratatoskr.Engine.Access;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Sessions;

/// <summary>
/// What a session says by itself, outside any document. It leaves when the connection has drained what came in, or closes: the answers to an auth and a join that came together are one packet.
/// </summary>
internal static class SessionReplies
{
    public static void SendPeer(this IPeerConnection connection, ReadOnlySpan<byte> serverPeerId, ReadOnlySpan<byte> peerId, ReadOnlySpan<byte> storageId)
    {
        byte[] frame = ArrayPool<byte>.Shared.Rent(MessageWriter.LengthMax(serverPeerId.Length + peerId.Length + storageId.Length));
        SendRented(connection, frame, MessageWriter.WritePeer(frame, serverPeerId, peerId, storageId));
    }

    /// <summary>An error as stock servers send it: they look at the message only.</summary>
    public static void SendStockError(this IPeerConnection connection, ReadOnlySpan<byte> serverPeerId, ReadOnlySpan<byte> peerId, string error, string message) =>
        SendError(connection, new ErrorFrame { Error = Encoding.UTF8.GetBytes(error), Message = Encoding.UTF8.GetBytes(message), SenderId = serverPeerId, TargetId = peerId });

    /// <summary>Too much of something. With the peer's name where it has one.</summary>
    public static void SendRateLimited(this IPeerConnection connection, ReadOnlySpan<byte> serverPeerId, ReadOnlySpan<byte> peerId, string message, int retryAfterSeconds) => SendError(connection, new ErrorFrame
    {
        Error = ErrorCodes.RateLimited,
        Message = Encoding.UTF8.GetBytes(message),
        RetryAfter = (uint)retryAfterSeconds,
        SenderId = peerId.IsEmpty ? default : serverPeerId,
        TargetId = peerId,
    });

    public static void SendError(this IPeerConnection connection, ReadOnlySpan<byte> error, ReadOnlySpan<byte> message) =>
        SendError(connection, new ErrorFrame { Error = error, Message = message });

    public static void SendAuthError(this IPeerConnection connection, string error, string message)
    {
        byte[] frame = ArrayPool<byte>.Shared.Rent(MessageWriter.LengthMax(Encoding.UTF8.GetMaxByteCount(error.Length + message.Length)));
        SendRented(connection, frame, MessageWriter.WriteAuthError(frame, Encoding.UTF8.GetBytes(error), Encoding.UTF8.GetBytes(message)));
    }

    /// <summary>The connection has no name of its own yet: the original client takes its id from here, a stock one says it in its join.</summary>
    public static void SendAuthOk(this IPeerConnection connection, ReadOnlySpan<byte> serverPeerId, ReadOnlySpan<byte> clientPeerId, Principal principal)
    {
        byte[] user = Encoding.UTF8.GetBytes(principal.Id);
        byte[] frame = ArrayPool<byte>.Shared.Rent(MessageWriter.LengthMax(serverPeerId.Length + clientPeerId.Length + user.Length));
        SendRented(connection, frame, MessageWriter.WriteAuthOk(frame, serverPeerId, clientPeerId, user));
    }

    private static void SendError(IPeerConnection connection, in ErrorFrame error)
    {
        byte[] frame = ArrayPool<byte>.Shared.Rent(MessageWriter.LengthMax(error));
        SendRented(connection, frame, MessageWriter.WriteError(frame, error));
    }

    private static void SendRented(IPeerConnection connection, byte[] frame, int length)
    {
        connection.Send(frame.AsSpan(0, length), null);
        ArrayPool<byte>.Shared.Return(frame);
    }
}
