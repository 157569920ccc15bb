using System.Net;
using System.Net.Sockets;

namespace Ratatoskr.Interop.Tests.Servers;

/// <summary>This machine has sixteen million loopback addresses: what is counted by address is counted for each client alone.</summary>
internal static class LoopbackAddresses
{
    private static int s_last;

    public static string Next()
    {
        int number = Interlocked.Increment(ref s_last);
        return $"127.9.{number >> 8}.{number & 0xff}";
    }

    /// <summary>Connections that come from this address.</summary>
    public static SocketsHttpHandler HandlerFrom(string address) => new()
    {
        UseProxy = false,
        ConnectCallback = async (context, stop) =>
        {
            Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
                await socket.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, stop);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };
}
