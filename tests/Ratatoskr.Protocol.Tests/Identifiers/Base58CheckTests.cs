using System.Text;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Protocol.Tests.Identifiers;

public class Base58CheckTests
{
    // The texts are those of the bs58check package that automerge-repo uses.
    [Theory]
    [InlineData("00112233445566778899aabbccddeeff", "148vjpuxYXixb8DcbaWyeGv2q3u")]
    [InlineData("", "3QJmnh")]
    public void TryEncode_known_payload_gives_known_text(string payload, string text)
    {
        Span<byte> encoded = stackalloc byte[Base58Check.TextLengthMax];
        Assert.True(Base58Check.TryEncode(Convert.FromHexString(payload), encoded, out int length));
        Assert.Equal(text, Encoding.ASCII.GetString(encoded[..length]));

        Span<byte> decoded = stackalloc byte[Base58Check.PayloadLengthMax];
        Assert.True(Base58Check.TryDecode(Encoding.ASCII.GetBytes(text), decoded, out int decodedLength));
        Assert.Equal(payload, Convert.ToHexStringLower(decoded[..decodedLength]));
    }
}
