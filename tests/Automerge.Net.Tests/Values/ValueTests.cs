using Automerge.Changes;
using Automerge.Tests.Changes;
using Automerge.Values;

namespace Automerge.Tests.Values;

public class ValueTests
{
    public static TheoryData<Value, string> Encoded => new()
    {
        { Value.Null, "0:" },
        { false, "1:" },
        { true, "2:" },
        { 300UL, "3:ac02" },
        { -65, "4:bf7f" },
        { long.MinValue, "4:8080808080808080807f" },
        { 1.5, "5:000000000000f83f" },
        { "é😀", "6:c3a9f09f9880" },
        { "\ud800", "6:efbfbd" },
        { Value.Bytes([1, 2]), "7:0102" },
        { Value.Counter(-1), "8:7f" },
        { Value.Timestamp(1_600_000_000_000), "9:8080babbc82e" },
        { Value.Unknown(14, [7]), "14:07" },
    };

    [Theory]
    [MemberData(nameof(Encoded))]
    public void Encode_gives_code_and_bytes_and_decodes_again(Value value, string expected)
    {
        byte[] bytes = new byte[value.EncodedLength];
        value.Encode(bytes);
        Assert.Equal(expected, $"{value.Code}:{Convert.ToHexStringLower(bytes)}");
        if (value != "\ud800") Assert.Equal(value, Value.Decode(value.Code, bytes));
    }

    [Fact]
    public void Not_a_number_is_the_one_of_javascript() =>
        Assert.Equal(0x7FF8_0000_0000_0000, BitConverter.DoubleToInt64Bits(Value.Float(double.NaN).AsDouble()));

    [Fact]
    public void Equal_are_values_of_one_kind_and_content()
    {
        Assert.Equal(Value.Bytes([1]), Value.Bytes([1]));
        Assert.Equal(Value.Bytes([1]).GetHashCode(), Value.Bytes([1]).GetHashCode());
        Assert.NotEqual(Value.Signed(1), Value.Unsigned(1));
        Assert.NotEqual(Value.Signed(1), Value.Counter(1));
        Assert.NotEqual(Value.Unknown(10, [1]), Value.Unknown(11, [1]));
        Assert.Equal(Value.Object(default, ObjectKind.Map).AsObject(), ObjectId.Root);
        ObjectId list = new(new OpId(7, TestChanges.Alice));
        Assert.Equal(list, Value.Object(list, ObjectKind.List).AsObject());
        Assert.Equal(ObjectKind.List, Value.Object(list, ObjectKind.List).AsObjectKind());
    }

    [Fact]
    public void As_of_another_kind_throws_naming_both()
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Value.String("x").AsInt64());
        Assert.Equal("the value is String, not Signed", error.Message);
        Assert.Throws<OverflowException>(() => Value.Unsigned(ulong.MaxValue).AsInt64());
        Assert.Throws<InvalidOperationException>(() => Value.Signed(1).AsUInt64());
    }

    [Theory]
    [InlineData("_root")]
    [InlineData("12@aabb")]
    [InlineData("4294967295@")]
    public void ObjectId_reads_what_it_writes(string text)
    {
        Assert.True(ObjectId.TryParse(text, out ObjectId id));
        Assert.Equal(text, id.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("root")]
    [InlineData("0@aa")]
    [InlineData("1@a")]
    [InlineData("1@zz")]
    [InlineData("4294967296@aa")]
    [InlineData("+1@aa")]
    public void ObjectId_refuses_other_text(string text) => Assert.False(ObjectId.TryParse(text, out _));

    [Theory]
    [InlineData("s")]
    [InlineData("e")]
    [InlineData("5@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("-5@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void Cursor_reads_what_it_writes(string text)
    {
        Assert.True(Cursor.TryParse(text, out Cursor cursor));
        Assert.Equal(text, cursor.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("--5@aa")]
    [InlineData("-s")]
    public void Cursor_refuses_other_text(string text) => Assert.False(Cursor.TryParse(text, out _));

    [Fact]
    public void Prop_is_key_or_index()
    {
        Prop key = "a", index = 3;
        Assert.False(key.IsIndex);
        Assert.Equal("a", key.Key);
        Assert.Throws<InvalidOperationException>(() => key.Index);
        Assert.Equal(3, index.Index);
        Assert.Equal("3", index.ToString());
        Assert.NotEqual(index, "3");
    }
}
