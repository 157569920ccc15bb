using System.Formats.Cbor;

namespace Ratatoskr.Fuzzing.Tests.Messages;

/// <summary>The framework's CBOR reader as a second opinion: slow, general, and by somebody else.</summary>
internal static class PlainMessage
{
    /// <summary>Whether this is exactly one item, nested no deeper than is allowed.</summary>
    public static bool IsWellFormed(byte[] bytes, int depthMax)
    {
        CborReader reader = new(bytes, CborConformanceMode.Lax);
        try
        {
            for (int depth = 0; ;)
            {
                CborReaderState state = reader.PeekState();
                switch (state)
                {
                    case CborReaderState.StartArray or CborReaderState.StartMap:
                        if (depth++ == depthMax) return false;
                        if (state == CborReaderState.StartArray) reader.ReadStartArray();
                        else reader.ReadStartMap();
                        continue;
                    case CborReaderState.EndArray: depth--; reader.ReadEndArray(); break;
                    case CborReaderState.EndMap: depth--; reader.ReadEndMap(); break;
                    case CborReaderState.Tag: reader.ReadTag(); continue;
                    case CborReaderState.StartIndefiniteLengthByteString: ReadChunks(reader, CborReaderState.ByteString); break;
                    case CborReaderState.StartIndefiniteLengthTextString: ReadChunks(reader, CborReaderState.TextString); break;
                    case CborReaderState.TextString: reader.ReadDefiniteLengthTextStringBytes(); break;
                    case CborReaderState.SimpleValue or CborReaderState.Boolean or CborReaderState.Null:
                        int at = bytes.Length - reader.BytesRemaining;
                        if (bytes[at] == 0xf8 && bytes[at + 1] < 32) return false;      // §3.3: not well-formed; this reader takes it
                        reader.SkipValue();
                        break;
                    default: reader.SkipValue(); break;
                }

                if (depth == 0) return reader.BytesRemaining == 0;
            }
        }
        catch (Exception e) when (e is CborContentException or InvalidOperationException or OverflowException or IndexOutOfRangeException)
        {
            return false;
        }
    }

    /// <summary>What a map of texts says under a key: null when there is no such text.</summary>
    public static byte[]? TextOf(byte[] bytes, string key)
    {
        CborReader reader = new(bytes, CborConformanceMode.Lax);
        while (reader.PeekState() == CborReaderState.Tag) reader.ReadTag();
        reader.ReadStartMap();
        byte[]? found = null;
        while (reader.PeekState() != CborReaderState.EndMap)
        {
            bool isKey = ReadText(reader) is { } name && System.Text.Encoding.UTF8.GetString(name) == key;
            if (!isKey)
            {
                reader.SkipValue();
                continue;
            }

            while (reader.PeekState() == CborReaderState.Tag) reader.ReadTag();
            if (reader.PeekState() == CborReaderState.TextString) found = reader.ReadDefiniteLengthTextStringBytes().ToArray();
            else if (reader.PeekState() == CborReaderState.ByteString) found = reader.ReadDefiniteLengthByteString().ToArray();
            else reader.SkipValue();
        }

        return found;
    }

    private static byte[]? ReadText(CborReader reader)
    {
        while (reader.PeekState() == CborReaderState.Tag) reader.ReadTag();
        if (reader.PeekState() == CborReaderState.TextString) return reader.ReadDefiniteLengthTextStringBytes().ToArray();
        reader.SkipValue();
        return null;
    }

    private static void ReadChunks(CborReader reader, CborReaderState kind)
    {
        if (kind == CborReaderState.ByteString) reader.ReadStartIndefiniteLengthByteString();
        else reader.ReadStartIndefiniteLengthTextString();
        while (reader.PeekState() == kind)
        {
            if (kind == CborReaderState.ByteString) reader.ReadDefiniteLengthByteString();
            else reader.ReadDefiniteLengthTextStringBytes();
        }

        if (kind == CborReaderState.ByteString) reader.ReadEndIndefiniteLengthByteString();
        else reader.ReadEndIndefiniteLengthTextString();
    }
}
