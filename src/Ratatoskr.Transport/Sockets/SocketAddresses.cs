using System.Buffers.Binary;
using System.Net;

namespace Ratatoskr.Transport.Sockets;

/// <summary>Addresses as the system writes them: <c>sockaddr_in</c> and <c>sockaddr_in6</c>.</summary>
internal static class SocketAddresses
{
    private const int Ipv4 = 2;
    private const int Ipv6 = 10;

    /// <summary>Room for an address of either family.</summary>
    public const int BytesMax = 28;

    /// <exception cref="NotSupportedException">It is of neither family.</exception>
    public static IPEndPoint Read(ReadOnlySpan<byte> address)
    {
        int port = BinaryPrimitives.ReadUInt16BigEndian(address[2..]);
        return BitConverter.ToUInt16(address) switch
        {
            Ipv4 => new IPEndPoint(new IPAddress(address[4..8]), port),
            Ipv6 => new IPEndPoint(new IPAddress(address[8..24], BitConverter.ToUInt32(address[24..])), port),
            ushort family => throw new NotSupportedException($"address family {family}"),
        };
    }
}
