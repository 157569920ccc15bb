using Ratatoskr.Protocol.Cbor;
using Ratatoskr.Protocol.Tests.Support;

namespace Ratatoskr.Protocol.Tests.Cbor;

public class CborCursorTests
{
    [Theory]
    [InlineData("00", 0)]
    [InlineData("17", 23)]
    [InlineData("1818", 24)]
    [InlineData("1805", 5)]                                 // longer than need be
    [InlineData("1903e8", 1000)]
    [InlineData("1a000f4240", 1000000)]
    [InlineData("1b0000000000000001", 1)]
    [InlineData("1bffffffffffffffff", ulong.MaxValue)]
    [InlineData("fb4024000000000000", 10)]
    [InlineData("fb8000000000000000", 0)]                   // -0
    [InlineData("fa47c35000", 100000)]
    [InlineData("f97bff", 65504)]
    [InlineData("fb43efffffffffffff", 18446744073709549568)]
    [InlineData("c11a514b67b0", 1363896240)]                // tagged: an epoch time
    public void TryReadUnsigned_of_any_form_gives_value(string hex, ulong expected)
    {
        byte[] bytes = Convert.FromHexString(hex);
        CborCursor cursor = new(bytes);
        Assert.True(cursor.TryReadUnsigned(out ulong value));
        Assert.Equal(expected, value);
        Assert.True(cursor.IsAtEnd);
        for (int cut = 0; cut < bytes.Length; cut++)
        {
            CborCursor truncated = new(bytes.AsSpan(0, cut));
            Assert.False(truncated.TryReadUnsigned(out _));
            Assert.False(truncated.TrySkip());
            Assert.Equal(0, truncated.Position);
        }
    }

    [Theory]
    [InlineData("20")]                                      // -1
    [InlineData("fb3ff8000000000000")]                      // 1.5
    [InlineData("fbbff0000000000000")]                      // -1.0
    [InlineData("f97e00")]                                  // NaN
    [InlineData("f97c00")]                                  // infinity
    [InlineData("fb43f0000000000000")]                      // 2^64
    [InlineData("6131")]
    [InlineData("f6")]
    public void TryReadUnsigned_of_anything_else_has_not_moved(string hex)
    {
        CborCursor cursor = new(Convert.FromHexString(hex));
        Assert.False(cursor.TryReadUnsigned(out _));
        Assert.Equal(0, cursor.Position);
        Assert.True(cursor.TrySkip());
        Assert.True(cursor.IsAtEnd);
    }

    [Theory]
    [InlineData("20", -1)]
    [InlineData("3903e7", -1000)]
    [InlineData("3bffffffffffffffff", -18446744073709551616.0)]
    [InlineData("fb427a1fb7bfc1b000", 1795220569115)]       // a recorded timestamp
    [InlineData("f93e00", 1.5)]
    [InlineData("f90001", 5.960464477539063e-8)]
    [InlineData("fac0200000", -2.5)]
    [InlineData("1a00010000", 65536)]
    [InlineData("f97c00", double.PositiveInfinity)]
    public void TryReadNumber_of_any_form_gives_value(string hex, double expected)
    {
        CborCursor cursor = new(Convert.FromHexString(hex));
        Assert.True(cursor.TryReadNumber(out double value));
        Assert.Equal(expected, value);
        Assert.True(cursor.IsAtEnd);
    }

    [Theory]
    [InlineData("43010203", "010203")]
    [InlineData("5803010203", "010203")]
    [InlineData("590003010203", "010203")]
    [InlineData("5b0000000000000003010203", "010203")]
    [InlineData("d84043010203", "010203")]                  // tag 64: what 1.0 alphas sent
    [InlineData("d9d9f7d84043010203", "010203")]
    [InlineData("40", "")]
    public void TryReadBytes_of_any_form_gives_slice(string hex, string expected)
    {
        byte[] bytes = Convert.FromHexString(hex);
        CborCursor cursor = new(bytes);
        Assert.True(cursor.TryReadBytes(out Slice slice));
        Assert.Equal(expected, Convert.ToHexString(slice.In(bytes)));
        Assert.True(slice.IsPresent);
        Assert.True(cursor.IsAtEnd);
        for (int cut = 0; cut < bytes.Length; cut++)
        {
            CborCursor truncated = new(bytes.AsSpan(0, cut));
            Assert.False(truncated.TryReadBytes(out _));
            Assert.False(truncated.TrySkip());
        }
    }

    [Fact]
    public void TryReadText_of_chunked_string_is_refused_but_can_be_skipped()
    {
        CborCursor cursor = new(Convert.FromHexString("7f6161616260ff"));
        Assert.False(cursor.TryReadText(out _));
        Assert.Equal(0, cursor.Position);
        Assert.True(cursor.TrySkip());
        Assert.True(cursor.IsAtEnd);
    }

    [Fact]
    public void TryReadNil_takes_null_and_undefined_only()
    {
        Assert.True(new CborCursor([0xf6]).TryReadNil());
        Assert.True(new CborCursor([0xf7]).TryReadNil());
        Assert.False(new CborCursor([0xf4]).TryReadNil());
        Assert.False(new CborCursor([0x80]).TryReadNil());
    }

    [Theory]
    [InlineData("b900026161016162f5")]                      // the header that JS writes
    [InlineData("a26161016162f5")]
    [InlineData("bf6161016162f5ff")]
    [InlineData("ba000000026161016162f5")]
    [InlineData("bb00000000000000026161016162f5")]
    public void TryReadMapStart_of_any_header_walks_the_pairs(string hex)
    {
        byte[] bytes = Convert.FromHexString(hex);
        CborCursor cursor = new(bytes);
        Assert.True(cursor.TryReadMapStart(out CborItems pairs));
        Assert.True(cursor.MoveNext(ref pairs));
        Assert.True(cursor.TryReadText(out Slice key));
        Assert.Equal("a"u8, key.In(bytes));
        Assert.True(cursor.TryReadUnsigned(out _));
        Assert.True(cursor.MoveNext(ref pairs));
        Assert.True(cursor.TryReadText(out _));
        Assert.True(cursor.TryReadBoolean(out bool value));
        Assert.True(value);
        Assert.False(cursor.MoveNext(ref pairs));
        Assert.True(cursor.IsAtEnd);
    }

    [Theory]
    [InlineData("bb8000000000000000")]                      // counts that no message could hold
    [InlineData("bb7fffffffffffffff6161")]
    [InlineData("bbffffffffffffffff6161")]
    [InlineData("b900026161016162")]
    [InlineData("a1")]
    [InlineData("9bffffffffffffffff00")]
    [InlineData("9a0000000200")]
    [InlineData("5bffffffffffffffff00")]                    // lengths likewise
    [InlineData("5b800000000000000000")]
    [InlineData("5a7fffffff00")]
    [InlineData("7b7fffffffffffffff00")]
    [InlineData("1c")]                                      // reserved widths
    [InlineData("1d00")]
    [InlineData("3e00")]
    [InlineData("5c")]
    [InlineData("bc")]
    [InlineData("fc")]
    [InlineData("fe")]
    [InlineData("1f")]                                      // no indefinite numbers or tags
    [InlineData("3f")]
    [InlineData("df00")]
    [InlineData("ff")]                                      // break of nothing
    [InlineData("81ff")]
    [InlineData("a1ff")]
    [InlineData("a100ff")]
    [InlineData("bf00ff")]                                  // break for a value
    [InlineData("9fc1ff")]                                  // tag of a break
    [InlineData("9f")]
    [InlineData("bf")]
    [InlineData("5f")]
    [InlineData("5f6161ff")]                                // chunk of another type
    [InlineData("5f5f4100ffff")]                            // chunks do not nest
    [InlineData("7f6161")]
    [InlineData("f800")]                                    // simple values below 32 in two bytes
    [InlineData("f818")]
    [InlineData("f81f")]
    [InlineData("c1")]                                      // tag of nothing
    [InlineData("d840")]
    [InlineData("")]
    public void TrySkip_of_malformed_item_has_not_moved(string hex)
    {
        byte[] bytes = Convert.FromHexString(hex);
        CborCursor cursor = new(bytes);
        Assert.False(cursor.TrySkip());
        Assert.Equal(0, cursor.Position);
        Assert.False(CborCursor.IsWellFormed(bytes));
    }

    [Theory]
    [InlineData("80")]
    [InlineData("a0")]
    [InlineData("9fff")]
    [InlineData("bfff")]
    [InlineData("5fff")]
    [InlineData("7f61616162ff")]
    [InlineData("8301820203820405")]
    [InlineData("9f018202039f0405ffff")]
    [InlineData("bf61610161629f0203ffff")]
    [InlineData("bf9f0102ffbf0304ffff")]                    // containers as keys and values
    [InlineData("a26161a0616280")]
    [InlineData("c1c2c3c482c100c240")]                      // tags on everything
    [InlineData("e0")]                                      // unassigned simple values
    [InlineData("f3")]
    [InlineData("f820")]
    [InlineData("f8ff")]
    [InlineData("84f6f7f4f5")]
    public void TrySkip_of_well_formed_item_takes_exactly_it(string hex)
    {
        byte[] bytes = Convert.FromHexString(hex);
        Assert.True(CborCursor.IsWellFormed(bytes));
        Assert.False(CborCursor.IsWellFormed([.. bytes, 0x00]));
        CborCursor cursor = new([.. bytes, 0x00]);
        Assert.True(cursor.TrySkip());
        Assert.Equal(bytes.Length, cursor.Position);
        for (int cut = 0; cut < bytes.Length; cut++) Assert.False(CborCursor.IsWellFormed(bytes.AsSpan(0, cut)));
    }

    [Theory]
    [InlineData(0x81)]
    [InlineData(0x9f)]
    [InlineData(0xa1)]
    [InlineData(0xbf)]
    public void TrySkip_of_nesting_bomb_stops_at_the_bound(byte opening)
    {
        byte[] bomb = new byte[1_000_000];
        bomb.AsSpan().Fill(opening);
        Assert.False(CborCursor.IsWellFormed(bomb));
        Assert.False(CborCursor.IsWellFormed(bomb, 64));
    }

    [Fact]
    public void TrySkip_allows_just_the_depth_it_is_given()
    {
        byte[] sixteen = [.. Enumerable.Repeat((byte)0x81, 16), 0x00];
        Assert.True(CborCursor.IsWellFormed(sixteen));
        Assert.False(CborCursor.IsWellFormed([0x81, .. sixteen]));
        Assert.True(CborCursor.IsWellFormed([0x81, .. sixteen], 17));
        Assert.True(CborCursor.IsWellFormed([0x00], 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => CborCursor.IsWellFormed([0x00], 65));
    }

    [Fact]
    public void TrySkip_of_a_million_tags_is_one_item()
    {
        byte[] tags = new byte[1_000_001];
        tags.AsSpan().Fill(0xc1);
        Assert.False(CborCursor.IsWellFormed(tags));
        tags[^1] = 0x00;
        Assert.True(CborCursor.IsWellFormed(tags));
    }

    [Fact]
    public void Part_of_a_message_keeps_the_positions_of_the_message()
    {
        byte[] bytes = Convert.FromHexString("8361616162616300");
        CborCursor cursor = new(bytes, new Slice(3, 2));
        Assert.Equal(3, cursor.Position);
        Assert.True(cursor.TryReadText(out Slice text));
        Assert.Equal(new Slice(4, 1), text);
        Assert.True(cursor.IsAtEnd);
        Assert.False(cursor.TrySkip());
    }

    [Fact]
    public void TrySkip_agrees_with_the_framework_on_random_bytes()
    {
        Random random = new(20_260_704);
        byte[][] seeds = [.. Captures.Stock.Select(frame => frame.Bytes).Where(bytes => bytes.Length < 250)];
        int sound = 0;
        for (int round = 0; round < 30_000; round++)
        {
            byte[] bytes = Mutations.Mutate(seeds[random.Next(seeds.Length)], random);
            bool ours = CborCursor.IsWellFormed(bytes, 64);
            Assert.Equal(FrameworkSays(bytes), ours);
            if (ours) sound++;
        }

        Assert.InRange(sound, 1000, 29_000);
    }

    // The obvious check: System.Formats.Cbor, told to be as lax as RFC 8949 allows.
    private static bool FrameworkSays(byte[] bytes)
    {
        try
        {
            System.Formats.Cbor.CborReader reader = new(bytes, System.Formats.Cbor.CborConformanceMode.Lax);
            reader.SkipValue();
            return reader.BytesRemaining == 0;
        }
        catch (System.Formats.Cbor.CborContentException)
        {
            return false;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
