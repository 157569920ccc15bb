using System.Buffers;
using Automerge.Columns;
using FsCheck;
using FsCheck.Fluent;

namespace Automerge.Tests.Columns;

public class ColumnRoundTripTests
{
    // Small values make runs; null is one of them.
    private static readonly Gen<long> Value = Gen.Frequency(
        (4, Gen.Choose(0, 2).Select(value => (long)value)),
        (1, Gen.Choose(0, int.MaxValue).Select(value => 2L * value)),
        (2, Gen.Constant(IntegerColumnReader.Null)));

    [Fact]
    public void Integers_written_are_read_back()
    {
        Prop.ForAll(Value.ArrayOf().ToArbitrary(), values =>
        {
            using PooledBuffer output = new();
            ColumnWriter.WriteIntegers(output, values, signed: false);
            IntegerColumnReader reader = new(output.Written, signed: false, values.Length);
            foreach (long value in values)
            {
                Assert.True(reader.TryNext(out long read), reader.Fault);
                Assert.Equal(value, read);
            }

            Assert.True(reader.AtEnd, reader.Fault);
        }).QuickCheckThrowOnFailure();
    }

    // Where the range of counters ends, and where 64 bits do.
    [Fact]
    public void Run_of_deltas_is_taken_when_all_of_it_is_a_counter()
    {
        long[] edges = [0, 1, 2, 3, 1L << 16, 1L << 31, uint.MaxValue - 1L, uint.MaxValue, 1L << 32, 1L << 33, 1L << 62, long.MaxValue];
        foreach (long first in edges.Where(edge => edge <= uint.MaxValue))
        {
            foreach (long step in edges.Concat(edges.Select(edge => -edge)).Where(step => step != first))
            {
                foreach (long rows in edges.Where(edge => edge >= 2))
                {
                    Int128 second = (Int128)first + step, last = first + ((Int128)step * rows);
                    bool isInside = second >= 0 && second <= uint.MaxValue && last >= 0 && last <= uint.MaxValue;
                    ArrayBufferWriter<byte> column = new();
                    foreach (long number in (long[])[-1, first, rows, step]) Leb128.WriteSigned(column, number);
                    DeltaColumnReader reader = new(column.WrittenSpan, 0);
                    Assert.True(reader.Prepare() && reader.Take(1) && reader.Prepare(), reader.Fault);
                    bool taken = reader.Take(rows);
                    Assert.True(isInside == taken, $"{first}, then {rows} times {step}: {reader.Fault}");
                    Assert.Equal(taken ? null : "counter too large", reader.Fault);
                }
            }
        }
    }

    [Fact]
    public void Deltas_written_are_read_back()
    {
        Prop.ForAll(Value.ArrayOf().ToArbitrary(), values =>
        {
            using PooledBuffer output = new();
            ColumnWriter.WriteDeltas(output, (long[])values.Clone());
            DeltaColumnReader reader = new(output.Written, values.Length);
            foreach (long value in values)
            {
                Assert.True(reader.TryNext(out long read), reader.Fault);
                Assert.Equal(value, read);
            }

            Assert.True(reader.AtEnd, reader.Fault);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Booleans_written_are_read_back()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<bool[]>(), values =>
        {
            using PooledBuffer output = new();
            ColumnWriter.WriteBooleans(output, values);
            BooleanColumnReader reader = new(output.Written, 0);
            foreach (bool value in values)
            {
                Assert.True(reader.TryNext(out bool read), reader.Fault);
                Assert.Equal(value, read);
            }

            Assert.True(reader.AtEnd, reader.Fault);
        }).QuickCheckThrowOnFailure();
    }

    // Any bytes: what the strict reader takes must be what the writer writes.
    [Fact]
    public void Integers_accepted_are_canonical()
    {
        Gen<byte> small = Gen.Frequency((3, Gen.Choose(0, 3)), (3, Gen.Choose(0x7c, 0x7f)), (1, Gen.Choose(0, 255))).Select(value => (byte)value);
        Prop.ForAll(small.ArrayOf().ToArbitrary(), column =>
        {
            foreach (bool signed in (bool[])[true, false])
            {
                List<long> rows = [];
                IntegerColumnReader reader = new(column, signed, 0);
                while (rows.Count < 10_000 && reader.TryNext(out long value)) rows.Add(value);
                if (!reader.AtEnd && reader.Remaining != -1) continue;
                if (reader.Fault is not null) continue;
                using PooledBuffer output = new();
                ColumnWriter.WriteIntegers(output, rows.ToArray(), signed);
                Assert.Equal(column, output.Written);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5_000));
    }
}
