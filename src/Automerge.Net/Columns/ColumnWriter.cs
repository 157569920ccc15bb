namespace Automerge.Columns;

/// <summary>Writes columns in their one canonical form (see <see cref="IntegerColumnReader"/> for the layout).</summary>
internal static class ColumnWriter
{
    /// <summary>Writes numbers; <see cref="IntegerColumnReader.Null"/> is null. A column of nulls only is nothing.</summary>
    public static void WriteIntegers(PooledBuffer output, ReadOnlySpan<long> values, bool signed)
    {
        if (values.Length == 1)
        {
            WriteLone(output, values[0], signed);      // most changes have one operation
            return;
        }

        int i = 0;
        while (i < values.Length)
        {
            long value = values[i];
            int end = RunEnd(values, i);
            if (value == IntegerColumnReader.Null)
            {
                if (end - i == values.Length) return;
                output.WriteByte(0);
                output.WriteUnsigned((ulong)(end - i));
            }
            else if (end - i > 1)
            {
                output.WriteSigned(end - i);
                WriteValue(output, value, signed);
            }
            else
            {
                end = LiteralEnd(values, i);
                output.WriteSigned(i - end);
                for (int j = i; j < end; j++) WriteValue(output, values[j], signed);
            }

            i = end;
        }
    }

    /// <summary>Writes numbers as differences to the last non-null one; overwrites <paramref name="values"/>.</summary>
    public static void WriteDeltas(PooledBuffer output, Span<long> values)
    {
        long last = 0;
        for (int i = 0; i < values.Length; i++)
        {
            long value = values[i];
            if (value == IntegerColumnReader.Null) continue;
            values[i] = value - last;
            last = value;
        }

        WriteIntegers(output, values, signed: true);
    }

    /// <summary>Writes run lengths, beginning with that of false.</summary>
    public static void WriteBooleans(PooledBuffer output, ReadOnlySpan<bool> values)
    {
        bool current = false;
        while (!values.IsEmpty)
        {
            int run = values.IndexOf(!current);
            if (run < 0) run = values.Length;
            output.WriteUnsigned((ulong)run);
            values = values[run..];
            current = !current;
        }
    }

    /// <summary>Writes the strings of a source; a column of nulls only is nothing.</summary>
    public static void WriteStrings<TSource>(PooledBuffer output, scoped in TSource source)
        where TSource : IStringSource, allows ref struct
    {
        int count = source.Count;
        int i = 0;
        while (i < count)
        {
            bool any = source.TryGet(i, out ReadOnlySpan<byte> value);
            int end = i + 1;
            while (end < count && source.TryGet(end, out ReadOnlySpan<byte> next) == any && (!any || next.SequenceEqual(value))) end++;
            if (!any)
            {
                if (end - i == count) return;
                output.WriteByte(0);
                output.WriteUnsigned((ulong)(end - i));
            }
            else if (end - i > 1)
            {
                output.WriteSigned(end - i);
                output.WritePrefixed(value);
            }
            else
            {
                end = LiteralEnd(source, i, count);
                output.WriteSigned(i - end);
                for (int j = i; j < end; j++)
                {
                    source.TryGet(j, out value);
                    output.WritePrefixed(value);
                }
            }

            i = end;
        }
    }

    private static void WriteLone(PooledBuffer output, long value, bool signed)
    {
        if (value == IntegerColumnReader.Null) return;
        output.WriteByte(0x7f);      // leb −1: one literal
        WriteValue(output, value, signed);
    }

    private static void WriteValue(PooledBuffer output, long value, bool signed)
    {
        if (signed) output.WriteSigned(value);
        else output.WriteUnsigned((ulong)value);
    }

    private static int RunEnd(ReadOnlySpan<long> values, int start)
    {
        long value = values[start];
        if (start + 1 >= values.Length || values[start + 1] != value) return start + 1;
        int length = values[(start + 2)..].IndexOfAnyExcept(value);
        return length < 0 ? values.Length : start + 2 + length;
    }

    // A literal ends before a null and before a value that the next one repeats.
    private static int LiteralEnd(ReadOnlySpan<long> values, int start)
    {
        int end = start + 1;
        while (end < values.Length && values[end] != IntegerColumnReader.Null && (end + 1 >= values.Length || values[end + 1] != values[end])) end++;
        return end;
    }

    private static int LiteralEnd<TSource>(scoped in TSource source, int start, int count)
        where TSource : IStringSource, allows ref struct
    {
        int end = start + 1;
        while (end < count && source.TryGet(end, out ReadOnlySpan<byte> value))
        {
            if (end + 1 < count && source.TryGet(end + 1, out ReadOnlySpan<byte> next) && next.SequenceEqual(value)) break;
            end++;
        }

        return end;
    }
}

/// <summary>Rows of a string column about to be written.</summary>
internal interface IStringSource
{
    int Count { get; }

    /// <summary>The string of a row; false: null.</summary>
    bool TryGet(int row, out ReadOnlySpan<byte> value);
}
