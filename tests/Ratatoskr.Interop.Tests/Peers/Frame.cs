using System.Formats.Cbor;

namespace Ratatoskr.Interop.Tests.Peers;

/// <summary>One automerge-repo message as it came from the server. Fields that a type does not have are null.</summary>
internal sealed record Frame(string Type, string? SenderId, string? TargetId, string? DocumentId, byte[]? Data, string? StorageId, string? Message)
{
    /// <summary>The whole map: texts, bytes, numbers (long), truth values, maps; everything else null.</summary>
    public required IReadOnlyDictionary<string, object?> Fields { get; init; }

    /// <summary>The code of an <c>error</c> or <c>auth_error</c>.</summary>
    public string? Error => Fields.GetValueOrDefault("error") as string;

    public SyncMessage Sync => SyncMessage.Parse(Data);

    /// <summary>A hello with a token, or, with null, of nobody.</summary>
    public static byte[] Auth(string? token) => Encode(writer =>
    {
        writer.WriteStartMap(2);
        WriteText(writer, "type", "auth");
        if (token is not null) WriteText(writer, "token", token);
        else
        {
            writer.WriteTextString("anonymous");
            writer.WriteBoolean(true);
        }
        writer.WriteEndMap();
    });

    public static byte[] Join(string senderId, string? storageId = null) => Encode(writer =>
    {
        writer.WriteStartMap(4);
        WriteText(writer, "type", "join");
        WriteText(writer, "senderId", senderId);
        writer.WriteTextString("peerMetadata");
        writer.WriteStartMap(2);
        writer.WriteTextString("storageId");
        if (storageId is null) writer.WriteSimpleValue(CborSimpleValue.Undefined); // as JS writes what is absent
        else writer.WriteTextString(storageId);
        writer.WriteTextString("isEphemeral");
        writer.WriteBoolean(storageId is null);
        writer.WriteEndMap();
        writer.WriteTextString("supportedProtocolVersions");
        writer.WriteStartArray(1);
        writer.WriteTextString("1");
        writer.WriteEndArray();
        writer.WriteEndMap();
    });

    /// <summary>A <c>sync</c> or <c>request</c>.</summary>
    public static byte[] Document(string type, string senderId, string targetId, string documentId, ReadOnlySpan<byte> data)
    {
        byte[] copy = data.ToArray();
        return Encode(writer =>
        {
            writer.WriteStartMap(5);
            WriteText(writer, "type", type);
            WriteText(writer, "senderId", senderId);
            WriteText(writer, "targetId", targetId);
            WriteText(writer, "documentId", documentId);
            writer.WriteTextString("data");
            writer.WriteByteString(copy);
            writer.WriteEndMap();
        });
    }

    public static byte[] Ephemeral(string senderId, string targetId, string documentId, string sessionId, int count, string message)
    {
        byte[] data = Encode(writer => writer.WriteTextString(message));
        return Encode(writer =>
        {
            writer.WriteStartMap(7);
            WriteText(writer, "type", "ephemeral");
            WriteText(writer, "senderId", senderId);
            WriteText(writer, "targetId", targetId);
            WriteText(writer, "documentId", documentId);
            WriteText(writer, "sessionId", sessionId);
            writer.WriteTextString("count");
            writer.WriteInt32(count);
            writer.WriteTextString("data");
            writer.WriteByteString(data);
            writer.WriteEndMap();
        });
    }

    public static Frame Parse(ReadOnlyMemory<byte> bytes)
    {
        CborReader reader = new(bytes, CborConformanceMode.Lax);
        Dictionary<string, object?> fields = ReadMap(reader);
        object? metadata = fields.GetValueOrDefault("peerMetadata");
        return new Frame(
            (string)fields["type"]!,
            fields.GetValueOrDefault("senderId") as string,
            fields.GetValueOrDefault("targetId") as string,
            fields.GetValueOrDefault("documentId") as string,
            fields.GetValueOrDefault("data") as byte[],
            (metadata as Dictionary<string, object?>)?.GetValueOrDefault("storageId") as string,
            fields.GetValueOrDefault("message") as string)
        {
            Fields = fields,
        };
    }

    private static Dictionary<string, object?> ReadMap(CborReader reader)
    {
        Dictionary<string, object?> fields = [];
        reader.ReadStartMap();
        while (reader.PeekState() != CborReaderState.EndMap)
        {
            string key = reader.ReadTextString();
            fields[key] = ReadValue(reader);
        }
        reader.ReadEndMap();
        return fields;
    }

    private static object? ReadValue(CborReader reader)
    {
        switch (reader.PeekState())
        {
            case CborReaderState.TextString: return reader.ReadTextString();
            case CborReaderState.ByteString: return reader.ReadByteString();
            case CborReaderState.StartMap: return ReadMap(reader);
            case CborReaderState.UnsignedInteger: return reader.ReadInt64();
            case CborReaderState.Boolean: return reader.ReadBoolean();
            default:
                reader.SkipValue();
                return null;
        }
    }

    private static void WriteText(CborWriter writer, string key, string value)
    {
        writer.WriteTextString(key);
        writer.WriteTextString(value);
    }

    private static byte[] Encode(Action<CborWriter> write)
    {
        CborWriter writer = new(CborConformanceMode.Lax);
        write(writer);
        return writer.Encode();
    }
}
