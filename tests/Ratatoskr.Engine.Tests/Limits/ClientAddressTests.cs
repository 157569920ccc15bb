using System.Net;
using Ratatoskr.Engine.Limits;

namespace Ratatoskr.Engine.Tests.Limits;

public sealed class ClientAddressTests
{
    [Theory]
    [InlineData("", "203.0.113.9", "198.51.100.1", "203.0.113.9")]                     // nobody is trusted: what the header says is hearsay
    [InlineData("10.0.0.0/8", "203.0.113.9", "198.51.100.1", "203.0.113.9")]           // not a proxy of ours
    [InlineData("10.0.0.0/8", "10.1.2.3", null, "10.1.2.3")]
    [InlineData("10.0.0.0/8", "10.1.2.3", "198.51.100.1", "198.51.100.1")]
    [InlineData("10.0.0.0/8", "10.1.2.3", "1.1.1.1, 198.51.100.1", "198.51.100.1")]    // the left one was written by the client
    [InlineData("10.0.0.0/8", "10.1.2.3", "198.51.100.1, 10.9.9.9", "198.51.100.1")]   // two of ours in a row
    [InlineData("10.0.0.0/8", "10.1.2.3", "10.8.8.8, 10.9.9.9", "10.8.8.8")]
    [InlineData("10.0.0.0/8", "10.1.2.3", "198.51.100.1, <script>", "10.1.2.3")]
    [InlineData("10.0.0.0/8, 192.0.2.7", "192.0.2.7", "198.51.100.1:4711", "198.51.100.1")]
    [InlineData("::1", "::1", "[2001:db8::5]:80", "2001:db8::5")]
    [InlineData("127.0.0.1", "::ffff:127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1")]
    public void Of_believes_trusted_proxies_only(string proxies, string remote, string? forwardedFor, string expected)
    {
        Assert.True(ClientAddress.TryParse(proxies, out ClientAddress addresses, out _));
        Assert.Equal(expected, addresses.Of(IPAddress.Parse(remote), forwardedFor)?.ToString());
    }

    [Theory]
    [InlineData("10.0.0.0/33", "10.0.0.0/33")]
    [InlineData("127.0.0.1, proxy.example", "proxy.example")]
    public void TryParse_names_the_entry_that_is_neither_address_nor_network(string proxies, string bad)
    {
        Assert.False(ClientAddress.TryParse(proxies, out _, out string? named));
        Assert.Equal(bad, named);
    }

    [Fact]
    public void KeyOf_is_one_for_a_network_of_one_customer()
    {
        string key = ClientAddress.Key(IPAddress.Parse("2001:db8:0:1::5"));
        Assert.Equal(key, ClientAddress.Key(IPAddress.Parse("2001:db8:0:1:ffff::1")));
        Assert.NotEqual(key, ClientAddress.Key(IPAddress.Parse("2001:db8:0:2::5")));
        Assert.Equal("192.0.2.1", ClientAddress.Key(IPAddress.Parse("192.0.2.1")));
        Assert.Equal("", ClientAddress.Key(null));
    }
}
