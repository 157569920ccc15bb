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
