using System.Text;
using Automerge.Columns;
using FsCheck;
using FsCheck.Fluent;

namespace Automerge.Tests.Columns;

/// <summary>Columns written run by run are those written row by row, however the runs are cut.</summary>
public class RunColumnWriterTests
{
    private static readonly Config Thorough = Config.QuickThrowOnFailure.WithMaxTest(2_000);

    // Few different values, so that pieces join; some large; many single ones, so that literals need counts of two bytes.
    private static readonly Gen<long> Value = Gen.Frequency(
        (4, Gen.Choose(0, 2).Select(value => (long)value)),
        (1, Gen.Choose(0, int.MaxValue).Select(value => 2L * value)),
        (2, Gen.Constant(IntegerColumnReader.Null)));

    private static readonly Gen<(long Value, int Count)[]> Pieces = Gen.OneOf(
        Gen.Zip(Value, Gen.Choose(0, 3), (value, count) => (value, count)).ArrayOf(),
        Gen.Zip(Gen.Choose(0, 100_000).Select(value => (long)value), Gen.Constant(1), (value, count) => (value, count)).ArrayOf(300));

    [Fact]
    public void Integers_in_pieces_equal_rows()
    {
        Prop.ForAll(Pieces.ToArbitrary(), pieces =>
        {
            foreach (bool signed in (bool[])[true, false])
            {
                using IntegerColumnWriter writer = new(signed);
                foreach ((long value, int count) in pieces) writer.Append(value, count);
                using PooledBuffer expected = new();
                ColumnWriter.WriteIntegers(expected, Rows(pieces), signed);
                Assert.Equal(expected.Written, writer.Finish());
            }
        }).Check(Thorough);
    }

    [Fact]
    public void Deltas_in_pieces_equal_rows()
    {
        Gen<(long First, int Step, int Count)> piece = Gen.Zip(Value, Gen.Zip(Gen.Choose(-1, 1), Gen.Choose(0, 3)), (value, run) => (value == IntegerColumnReader.Null ? value : value + 4, run.Item1, run.Item2));
        Prop.ForAll(piece.ArrayOf().ToArbitrary(), pieces =>
        {
            using DeltaColumnWriter writer = new();
            List<long> rows = [];
            foreach ((long first, int step, int count) in pieces)
            {
                if (first == IntegerColumnReader.Null) writer.AppendNulls(count);
                else if (count == 1) writer.Append(first);
                else if (first <= uint.MaxValue - 4) writer.AppendRun((uint)first, step, count);
                else continue;
                for (int i = 0; i < count; i++) rows.Add(first == IntegerColumnReader.Null ? first : first + (step * i));
            }

            using PooledBuffer expected = new();
            ColumnWriter.WriteDeltas(expected, rows.ToArray());
            Assert.Equal(expected.Written, writer.Finish());
        }).Check(Thorough);
    }

    [Fact]
    public void Booleans_in_pieces_equal_rows()
    {
        Prop.ForAll(Gen.Zip(Gen.Elements(true, false), Gen.Choose(0, 3)).ArrayOf().ToArbitrary(), pieces =>
        {
            using BooleanColumnWriter writer = new();
            List<bool> rows = [];
            foreach ((bool value, int count) in pieces)
            {
                writer.Append(value, count);
                rows.AddRange(Enumerable.Repeat(value, count));
            }

            Assert.Equal(rows.Contains(true), writer.AnyTrue);
            using PooledBuffer expected = new();
            ColumnWriter.WriteBooleans(expected, rows.ToArray());
            Assert.Equal(expected.Written, writer.Finish());
        }).Check(Thorough);
    }

    [Fact]
    public void Strings_in_pieces_equal_rows()
    {
        Prop.ForAll(Pieces.ToArbitrary(), pieces =>
        {
            using StringColumnWriter writer = new();
            foreach ((long value, int count) in pieces)
            {
                if (value == IntegerColumnReader.Null) writer.AppendNulls(count);
                else writer.Append(Text(value), count);
            }

            using PooledBuffer expected = new();
            ColumnWriter.WriteStrings(expected, new Strings(Rows(pieces)));
            Assert.Equal(expected.Written, writer.Finish());
        }).Check(Thorough);
    }

    [Fact]
    public void Append_delta_beyond_what_a_column_can_say_is_refused()
    {
        using DeltaColumnWriter writer = new();
        writer.Append(long.MaxValue);
        Assert.Throws<OverflowException>(() => writer.Append(-1));           // the difference would be the number that stands for null
        Assert.Throws<OverflowException>(() => writer.Append(long.MinValue));
        writer.Append(0);
        Assert.Equal((long[])[long.MaxValue, -long.MaxValue], Read(writer.Finish(), 2));
    }

    private static long[] Read(ReadOnlySpan<byte> column, int rows)
    {
        IntegerColumnReader reader = new(column, signed: true, rows);
        long[] values = new long[rows];
        for (int i = 0; i < rows; i++) Assert.True(reader.TryNext(out values[i]));
        Assert.True(reader.AtEnd);
        return values;
    }

    private static long[] Rows((long Value, int Count)[] pieces) => [.. pieces.SelectMany(piece => Enumerable.Repeat(piece.Value, piece.Count))];

    // The empty string is one of them.
    private static byte[] Text(long value) => Encoding.UTF8.GetBytes(value == 0 ? "" : $"{value}");

    private readonly struct Strings(long[] rows) : IStringSource
    {
        public int Count => rows.Length;

        public bool TryGet(int row, out ReadOnlySpan<byte> value)
        {
            value = rows[row] == IntegerColumnReader.Null ? default : Text(rows[row]);
            return rows[row] != IntegerColumnReader.Null;
        }
    }
}
