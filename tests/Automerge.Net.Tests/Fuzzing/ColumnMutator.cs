using System.Text;
using Automerge.Columns;
using SharedTests.Fuzzing;

namespace Automerge.Tests.Fuzzing;

/// <summary>Damage to columns: to their list, to their values (written again in canonical form), to their bytes.</summary>
internal static class ColumnMutator
{
    private const int RowsMax = 100_000;

    private static readonly uint[] Specs =
    [
        ColumnSpec.ObjectActor, ColumnSpec.ObjectCounter, ColumnSpec.KeyActor, ColumnSpec.KeyCounter, ColumnSpec.KeyString, ColumnSpec.IdActor, ColumnSpec.IdCounter,
        ColumnSpec.Insert, ColumnSpec.Action, ColumnSpec.ValueMetadata, ColumnSpec.ValueBytes, ColumnSpec.PredecessorCount, ColumnSpec.PredecessorActor,
        ColumnSpec.PredecessorCounter, ColumnSpec.SuccessorCount, ColumnSpec.SuccessorActor, ColumnSpec.SuccessorCounter, ColumnSpec.Expand, ColumnSpec.MarkName,
        0x33, 0x60, 0x1002, 0x7fffffff,
    ];

    private static readonly long[] Numbers =
        [0, 1, 2, 3, 7, 8, 15, 16, 22, 255, 0x7fff_ffff, 0x8000_0000, uint.MaxValue, 1L << 32, (1L << 53) - 1, long.MaxValue, -1, -2, int.MinValue, long.MinValue + 1, IntegerColumnReader.Null];

    private static readonly byte[][] Strings = [[], "a"u8.ToArray(), "key"u8.ToArray(), "😀"u8.ToArray(), [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [.. Enumerable.Repeat((byte)'k', 5000)]];

    public static void Mutate(Random random, List<FuzzColumn> columns)
    {
        if (columns.Count == 0) return;
        int at = random.Next(columns.Count);
        FuzzColumn column = columns[at];
        switch (random.Next(12))
        {
            case 0: columns[at] = column with { Spec = Specs[random.Next(Specs.Length)] }; break;
            case 1: columns[at] = column with { Spec = column.Spec ^ ColumnSpec.DeflateBit }; break;
            case 2: columns.RemoveAt(at); break;
            case 3: columns.Insert(random.Next(columns.Count + 1), column); break;
            case 4: columns[at] = column with { Bytes = [] }; break;
            case 5: columns[at] = column with { Bytes = Bomb(random, column.Spec) }; break;
            case 6: columns[at] = column with { Bytes = ByteMutator.Mutate(random, column.Bytes) }; break;
            default: columns[at] = column with { Bytes = MutateValues(random, column) }; break;
        }
    }

    // A few bytes that stand for very many rows, or a column that inflates to very many bytes.
    private static byte[] Bomb(Random random, uint spec)
    {
        using PooledBuffer output = new();
        if ((spec & ColumnSpec.DeflateBit) != 0)
        {
            Automerge.Format.RawDeflate.Append(new byte[1 << (16 + random.Next(6))], output);
            return output.Written.ToArray();
        }

        if ((spec & 7) == 4) output.WriteUnsigned(1UL << random.Next(64));
        else output.WriteSigned(1L << random.Next(63));
        if ((spec & 7) != 4) output.WriteUnsigned((ulong)random.Next(3));
        return output.Written.ToArray();
    }

    private static byte[] MutateValues(Random random, FuzzColumn column)
    {
        using PooledBuffer output = new();
        switch (column.Spec & 7)
        {
            case 4:
                List<bool> flags = [];
                BooleanColumnReader booleans = new(column.Bytes, 0);
                while (flags.Count < RowsMax && booleans.TryNext(out bool flag)) flags.Add(flag);
                MutateList(random, flags, _ => random.Next(2) == 0);
                ColumnWriter.WriteBooleans(output, [.. flags]);
                break;
            case 5:
                List<byte[]?> strings = ReadStrings(column.Bytes);
                MutateList(random, strings, _ => random.Next(4) == 0 ? null : Strings[random.Next(Strings.Length)]);
                ColumnWriter.WriteStrings(output, new DocumentRows.StringList([.. strings]));
                break;
            case 7:
                return ByteMutator.Mutate(random, column.Bytes);
            default:
                List<long> numbers = ReadNumbers(column);
                MutateList(random, numbers, value => NewNumber(random, value, numbers));
                WriteNumbers(output, column.Spec, numbers);
                break;
        }

        return output.Written.ToArray();
    }

    private static long NewNumber(Random random, long value, List<long> others) => random.Next(4) switch
    {
        0 => Numbers[random.Next(Numbers.Length)],
        1 when value is not (IntegerColumnReader.Null or long.MaxValue) => value + 1,
        2 when value > 0 => value - 1,
        _ => others.Count == 0 ? 0 : others[random.Next(others.Count)],
    };

    private static void MutateList<T>(Random random, List<T> list, Func<T?, T> change)
    {
        for (int count = 1 + random.Next(2); count > 0; count--)
        {
            int at = random.Next(list.Count + 1);
            switch (random.Next(6))
            {
                case 0: list.Insert(at, change(default)); break;
                case 1 when at < list.Count: list.RemoveAt(at); break;
                case 2 when at < list.Count: (list[at], list[^1]) = (list[^1], list[at]); break;
                case 3 when at + 1 < list.Count: (list[at], list[at + 1]) = (list[at + 1], list[at]); break;
                default:
                    if (at < list.Count) list[at] = change(list[at]);
                    break;
            }
        }
    }

    private static List<long> ReadNumbers(FuzzColumn column)
    {
        List<long> numbers = [];
        if ((column.Spec & 7) == 3)
        {
            DeltaColumnReader deltas = new(column.Bytes, 0);
            while (numbers.Count < RowsMax && deltas.TryNext(out long number)) numbers.Add(number);
            return numbers;
        }

        IntegerColumnReader integers = new(column.Bytes, signed: false, 0);
        while (numbers.Count < RowsMax && integers.TryNext(out long number)) numbers.Add(number);
        return numbers;
    }

    private static List<byte[]?> ReadStrings(byte[] column)
    {
        List<byte[]?> strings = [];
        StringColumnReader reader = new(column, 0);
        while (strings.Count < RowsMax && reader.Prepare())
        {
            reader.Take(1);
            strings.Add(reader.IsNull ? null : reader.Value.ToArray());
        }

        return strings;
    }

    private static void WriteNumbers(PooledBuffer output, uint spec, List<long> numbers)
    {
        if ((spec & 7) == 3) ColumnWriter.WriteDeltas(output, [.. numbers]);
        else ColumnWriter.WriteIntegers(output, [.. numbers], signed: false);
    }

    /// <summary>Text for keys and names.</summary>
    public static string Text(Random random) => random.Next(8) == 0 ? new string('x', random.Next(3000)) : Encoding.UTF8.GetString(Strings[random.Next(4)]);
}
