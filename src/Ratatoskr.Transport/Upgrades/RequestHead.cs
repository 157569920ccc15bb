using System.Buffers;

namespace Ratatoskr.Transport.Upgrades;

/// <summary>The first lines of a request that is HTTP's: Kestrel gets them when they are all there, so that whoever never ends them costs no more than one who says nothing.</summary>
internal static class RequestHead
{
    /// <summary>Whether what has come is the beginning of a head, and short enough to wait for the rest. What cannot be one is not waited for.</summary>
    /// <param name="input">All that has come.</param>
    /// <param name="seen">Bytes of it that were looked at before.</param>
    /// <param name="lengthMax">A head that long is not waited for.</param>
    public static bool IsUnfinished(in ReadOnlySequence<byte> input, long seen, int lengthMax)
    {
        if (input.Length >= lengthMax) return false;
        if (!new SequenceReader<byte>(input).TryPeek(out byte first) || !char.IsAsciiLetterUpper((char)first)) return false;

        // The end is an empty line, and Kestrel takes lines without CR as well: a line feed that was seen may be followed by one that was not.
        SequenceReader<byte> reader = new(input.Slice(Math.Max(0, seen - 2)));
        while (reader.TryAdvanceTo((byte)'\n'))
        {
            if (reader.IsNext((byte)'\n') || reader.IsNext("\r\n"u8)) return false;
        }

        return true;
    }
}
