using System.Formats.Cbor;

namespace Ratatoskr.Protocol.Tests.Support;

/// <summary>Makes messages with the framework's CBOR writer, so that our reader is not tested against our own writer only.</summary>
internal static class Message
{
    /// <summary>Stands for CBOR undefined.</summary>
    public static readonly object Undefined = new();

    public static byte[] Map(params (object? Key, object? Value)[] pairs)
    {
        CborWriter writer = new(CborConformanceMode.Lax);
        Write(writer, pairs);
        return writer.Encode();
    }

    private static void Write(CborWriter writer, object? value)
    {
        switch (value)
        {
            case null: writer.WriteNull(); break;
            case string text: writer.WriteTextString(text); break;
            case byte[] bytes: writer.WriteByteString(bytes); break;
            case bool boolean: writer.WriteBoolean(boolean); break;
            case int number: writer.WriteInt32(number); break;
            case ulong number: writer.WriteUInt64(number); break;
            case double number: writer.WriteDouble(number); break;
            case (object, object)[] pairs: WritePairs(writer, pairs!); break;
            case object[] elements:
                writer.WriteStartArray(elements.Length);
                foreach (object element in elements) Write(writer, element);
                writer.WriteEndArray();
                break;
            default: writer.WriteSimpleValue(CborSimpleValue.Undefined); break;
        }
    }

    private static void WritePairs(CborWriter writer, (object? Key, object? Value)[] pairs)
    {
        writer.WriteStartMap(pairs.Length);
        foreach ((object? key, object? value) in pairs)
        {
            Write(writer, key);
            Write(writer, value);
        }

        writer.WriteEndMap();
    }
}
