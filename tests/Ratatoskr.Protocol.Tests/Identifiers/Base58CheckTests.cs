using System.Text;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Tests.Support;

namespace Ratatoskr.Protocol.Tests.Identifiers;

public class Base58CheckTests
{
    // Texts by the npm package bs58check 3, which automerge-repo uses; the first is the known answer of the sync protocol notes.
    [Theory]
    [InlineData("00112233445566778899aabbccddeeff", "148vjpuxYXixb8DcbaWyeGv2q3u")]
    [InlineData("", "3QJmnh")]
    [InlineData("00", "1Wh4bh")]
    [InlineData("000000", "11146EAsf")]
    [InlineData("ff", "VrZDWwe")]
    [InlineData("3a", "7ZRwjEn")]
    [InlineData("000001", "11BwW2qR")]
    [InlineData("ffffffffffffffffffffffffffffffff", "4ZrjxJnU1LA5xSyrWMNuXTozYEvA")]
    [InlineData("00000000000000000000000000000000", "11111111111111114Ki9Gx")]
    [InlineData("1f40fc92da241694750979ee6cf582", "6iriGkXUWLhPM5F3g41AfNSA9P")]
    [InlineData("5267768822ee624d48fce15ec5ca79cb", "29ay7BkV14QwaLCN7byfc7V7Gozy")]
    [InlineData("acc28db2beb7b42baa1cb0243d401ccb4e", "Bd9iMmofLmtBCncdJnChanvd4hbkh")]
    [InlineData("48fb10b15f3d44a09dc82d02b06581e0c0c69478c9fd2cf8f9093659019a1687", "Z9CHjimoBWNPvYEtEJWtR6CKPopigwhUKiq5HtRxMrj6YkXz4")]
    [InlineData("87c568e037a5fa50b1bc911e8ee19a77c4dd3c22bce9932f86fdd8a216afe1681c89737fada6859e91047eece711ec16da62d6ccb9fd0de2c51f132347350d8c", "JmEphu8uktTNz8kT2UgyKHApfe19dsjFEobePrdWvWNboy8KV99THPwFXxMAgmxd1arP3pQGXErVNH4Rw62DByNcMkupT")]
    [InlineData("6570683a726f6f6d31", "9T3gSjzeXKy8XBSMof")]
    [InlineData("0000000000000000000000000000000000000000711c22448e721e5491d8245b49425aa861f1fc4a", "11111111111111111111BK54TCBtxVW5rcn29LRm1xg9NMLTg5KAC")]
    public void TryEncode_and_TryDecode_know_each_payload_and_its_text(string payload, string text)
    {
        Assert.Equal(text, Encode(Convert.FromHexString(payload)));
        Assert.Equal(payload, Decode(text));
        for (int i = 0; i < text.Length; i++)
        {
            Assert.Null(Decode(text[..i]));                                     // cut
            char other = text[i] == '2' ? '3' : '2';
            Assert.Null(Decode(text[..i] + other + text[(i + 1)..]));          // one digit wrong
        }

        Assert.Null(Decode("1" + text));        // one more zero byte: another checksum
        Assert.Null(Decode(text + " "));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("O")]
    [InlineData("I")]
    [InlineData("l")]
    [InlineData("-")]
    [InlineData("\u00e9")]
    [InlineData("\0")]
    public void TryDecode_of_characters_outside_the_alphabet_is_refused(string character)
    {
        string valid = "148vjpuxYXixb8DcbaWyeGv2q3u";
        for (int i = 0; i < valid.Length; i++) Assert.Null(Decode(valid[..i] + character + valid[(i + 1)..]));
    }

    [Fact]
    public void TryEncode_round_trips_every_length_up_to_the_bound()
    {
        Random random = new(58);
        for (int length = 0; length <= 375; length++)
        {
            byte[] payload = new byte[length];
            random.NextBytes(payload);
            if (length > 0) payload[0] |= 0x80;         // no leading zeros: the longest text
            if (length % 7 == 3) payload.AsSpan(0, length / 2).Clear();
            string? text = Encode(payload);
            if (length <= 370) Assert.NotNull(text);        // 371 depends on the first byte
            if (length >= 372 && length % 7 != 3) Assert.Null(text);
            if (text is not null) Assert.Equal(Convert.ToHexStringLower(payload), Decode(text));
        }

        Assert.Null(Encode(new byte[Base58Check.PayloadLengthMax + 1]));
    }

    [Fact]
    public void TryDecode_of_too_long_or_empty_text_is_refused()
    {
        Assert.Null(Decode(""));
        Assert.Null(Decode(new string('z', Base58Check.TextLengthMax)));       // the most work there can be
        Assert.Null(Decode(new string('1', Base58Check.TextLengthMax)));
        Assert.Null(Decode(new string('1', Base58Check.TextLengthMax + 1)));
        Assert.Null(Decode(new string('z', 1_000_000)));
    }

    [Fact]
    public void TryDecode_into_too_short_a_span_is_refused()
    {
        byte[] text = "148vjpuxYXixb8DcbaWyeGv2q3u"u8.ToArray();
        Assert.False(Base58Check.TryDecode(text, new byte[15], out _));
        Assert.True(Base58Check.TryDecode(text, new byte[16], out int length));
        Assert.Equal(16, length);
        Assert.False(Base58Check.TryEncode(new byte[16], new byte[21], out _));
        Assert.True(Base58Check.TryEncode(new byte[16], new byte[22], out _));
    }

    [Fact]
    public void TryDecode_of_mutated_texts_only_says_false()
    {
        Random random = new(20_260_703);
        byte[] valid = "148vjpuxYXixb8DcbaWyeGv2q3u"u8.ToArray();
        byte[] payload = new byte[Base58Check.PayloadLengthMax];
        for (int round = 0; round < 20_000; round++)
        {
            byte[] text = Mutations.Mutate(valid, random);
            Assert.Equal(text.AsSpan().SequenceEqual(valid), Base58Check.TryDecode(text, payload, out _));
        }
    }

    private static string? Encode(byte[] payload)
    {
        Span<byte> text = stackalloc byte[Base58Check.TextLengthMax];
        return Base58Check.TryEncode(payload, text, out int length) ? Encoding.ASCII.GetString(text[..length]) : null;
    }

    private static string? Decode(string text)
    {
        Span<byte> payload = stackalloc byte[Base58Check.PayloadLengthMax];
        return Base58Check.TryDecode(Encoding.UTF8.GetBytes(text), payload, out int length) ? Convert.ToHexStringLower(payload[..length]) : null;
    }
}
