using Ratatoskr.Protocol.Tests.Support;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Protocol.Tests.WebSockets;

public class MaskingTests
{
    private static readonly uint s_key = BitConverter.ToUInt32(ClientFrames.Key);

    [Fact]
    public void Unmask_of_every_length_alignment_and_offset_equals_byte_by_byte()
    {
        byte[] source = new byte[300];
        new Random(7).NextBytes(source);
        for (int length = 0; length <= 140; length++)
        {
            for (int start = 0; start < 9; start++)
            {
                for (int offset = 0; offset < 5; offset++)
                {
                    byte[] expected = new byte[length];
                    for (int i = 0; i < length; i++) expected[i] = (byte)(source[start + i] ^ ClientFrames.Key[(offset + i) % 4]);

                    byte[] copied = new byte[length + 1];
                    Masking.Unmask(source.AsSpan(start, length), copied, s_key, offset);
                    Assert.Equal(expected, copied[..length]);
                    Assert.Equal(0, copied[length]);

                    byte[] inPlace = [.. source];
                    Masking.Unmask(inPlace.AsSpan(start, length), s_key, offset + 4_000_000_000L);
                    Assert.Equal(expected, inPlace[start..(start + length)]);
                    Assert.Equal(source[(start + length)..], inPlace[(start + length)..]);
                }
            }
        }
    }

    [Fact]
    public void Unmask_of_rfc_example_gives_hello()
    {
        // RFC 6455 §5.7: a single-frame masked text message.
        byte[] payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        Masking.Unmask(payload, s_key, 0);
        Assert.Equal("Hello"u8, payload);
    }

    [Fact]
    public void Unmask_into_too_short_destination_throws() =>
        Assert.Throws<ArgumentException>(() => Masking.Unmask(new byte[5], new byte[4], s_key, 0));
}
