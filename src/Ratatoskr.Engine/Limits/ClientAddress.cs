using System.Net;

namespace Ratatoskr.Engine.Limits;

/// <summary>
/// Who a connection or request comes from: the other end of the TCP connection, unless that is a trusted proxy (<c>TRUSTED_PROXIES</c>), then the nearest address of
/// <c>X-Forwarded-For</c> that is none. What stands further left anybody may have written.
/// </summary>
/// <remarks>Immutable; safe on any thread.</remarks>
public sealed class ClientAddress
{
    // A chain of more proxies than this is no chain of proxies.
    private const int HopsMax = 16;

    private readonly IPNetwork[] _trusted;

    private ClientAddress(IPNetwork[] trusted) => _trusted = trusted;

    /// <summary>No proxy is trusted.</summary>
    public static ClientAddress Direct { get; } = new([]);

    public bool HasProxies => _trusted.Length > 0;

    /// <summary>Reads <c>TRUSTED_PROXIES</c>: addresses and CIDR networks, separated by commas.</summary>
    /// <param name="bad">The entry that is neither, when false.</param>
    public static bool TryParse(string? proxies, out ClientAddress addresses, out string? bad)
    {
        addresses = Direct;
        bad = null;
        List<IPNetwork> networks = [];
        foreach (string entry in (proxies ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (IPAddress.TryParse(entry, out IPAddress? address))
            {
                address = Plain(address);
                networks.Add(new IPNetwork(address, 8 * address.GetAddressBytes().Length));
            }
            else if (IPNetwork.TryParse(entry, out IPNetwork network))
            {
                networks.Add(network);
            }
            else
            {
                bad = entry;
                return false;
            }
        }

        if (networks.Count > 0) addresses = new ClientAddress([.. networks]);
        return true;
    }

    /// <param name="remote">The other end of the TCP connection; null when there is none (a pipe).</param>
    /// <param name="forwardedFor"><c>X-Forwarded-For</c>, several headers joined by commas in order.</param>
    public IPAddress? Of(IPAddress? remote, string? forwardedFor)
    {
        if (remote is null) return null;
        IPAddress address = Plain(remote);
        ReadOnlySpan<char> rest = forwardedFor;
        for (int hop = 0; hop < HopsMax && !rest.IsEmpty && IsTrusted(address); hop++)
        {
            int comma = rest.LastIndexOf(',');
            if (!TryParseHop(rest[(comma + 1)..].Trim(), out IPAddress? before)) return address;
            address = before;
            rest = comma < 0 ? default : rest[..comma];
        }

        return address;
    }

    /// <summary>The key limits are counted under: an IPv4 address, or the /64 network of an IPv6 one, which is what one customer gets.</summary>
    public string KeyOf(IPAddress? remote, string? forwardedFor) => Key(Of(remote, forwardedFor));

    public static string Key(IPAddress? address)
    {
        if (address is null) return "";
        Span<byte> bytes = stackalloc byte[16];
        if (!address.TryWriteBytes(bytes, out int length) || length < bytes.Length) return address.ToString();
        bytes[8..].Clear();
        return $"{new IPAddress(bytes)}/64";
    }

    private bool IsTrusted(IPAddress address)
    {
        foreach (IPNetwork network in _trusted)
        {
            if (network.Contains(address)) return true;
        }

        return false;
    }

    // Some proxies add the port: 192.0.2.1:443, [2001:db8::1]:443.
    private static bool TryParseHop(ReadOnlySpan<char> text, out IPAddress address)
    {
        bool ok = IPEndPoint.TryParse(text, out IPEndPoint? endPoint);
        address = ok ? Plain(endPoint!.Address) : IPAddress.None;
        return ok;
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
