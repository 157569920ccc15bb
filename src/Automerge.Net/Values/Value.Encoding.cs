using System.Buffers.Binary;
using System.Text;
using Automerge.Columns;
using Automerge.Operations;

namespace Automerge.Values;

public readonly partial struct Value
{
    private static readonly UTF8Encoding ReplacingUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: false);

    /// <summary>Type code of the encoded value; not for objects, which are made by operations of their own.</summary>
    internal int Code => Kind switch
    {
        ValueKind.Null => ScalarCode.Null,
        ValueKind.Boolean => _bits != 0 ? ScalarCode.True : ScalarCode.False,
        ValueKind.Unsigned => ScalarCode.Unsigned,
        ValueKind.Signed => ScalarCode.Signed,
        ValueKind.Float => ScalarCode.Float,
        ValueKind.String => ScalarCode.String,
        ValueKind.Bytes => ScalarCode.Bytes,
        ValueKind.Counter => ScalarCode.Counter,
        ValueKind.Timestamp => ScalarCode.Timestamp,
        ValueKind.Unknown => _detail,
        _ => throw new InvalidOperationException("an object is not a scalar"),
    };

    /// <summary>Bytes of the encoded value.</summary>
    internal int EncodedLength => Kind switch
    {
        ValueKind.Unsigned => Leb128.UnsignedLength(unchecked((ulong)_bits)),
        ValueKind.Signed or ValueKind.Counter or ValueKind.Timestamp => Leb128.SignedLength(_bits),
        ValueKind.Float => sizeof(double),
        ValueKind.String => ReplacingUtf8.GetByteCount((string)_data!),
        ValueKind.Bytes or ValueKind.Unknown => ((byte[])_data!).Length,
        _ => 0,
    };

    /// <summary>Writes the <see cref="EncodedLength"/> bytes of the value.</summary>
    internal void Encode(Span<byte> output)
    {
        switch (Kind)
        {
            case ValueKind.Unsigned:
                Leb128.WriteUnsigned(output, unchecked((ulong)_bits));
                break;
            case ValueKind.Signed or ValueKind.Counter or ValueKind.Timestamp:
                Leb128.WriteSigned(output, _bits);
                break;
            case ValueKind.Float:
                BinaryPrimitives.WriteInt64LittleEndian(output, _bits);
                break;
            case ValueKind.String:
                ReplacingUtf8.GetBytes((string)_data!, output);
                break;
            case ValueKind.Bytes or ValueKind.Unknown:
                ((byte[])_data!).CopyTo(output);
                break;
            default:
                break;
        }
    }

    /// <summary>Reads an encoded scalar that was checked when it came in.</summary>
    internal static Value Decode(int code, ReadOnlySpan<byte> bytes)
    {
        switch (code)
        {
            case ScalarCode.Null:
                return Null;
            case ScalarCode.False or ScalarCode.True:
                return Boolean(code == ScalarCode.True);
            case ScalarCode.Unsigned:
                Leb128.TryReadUnsigned(ref bytes, out ulong unsigned);
                return Unsigned(unsigned);
            case ScalarCode.Signed or ScalarCode.Counter or ScalarCode.Timestamp:
                Leb128.TryReadSigned(ref bytes, out long signed);
                return new Value(code == ScalarCode.Signed ? ValueKind.Signed : code == ScalarCode.Counter ? ValueKind.Counter : ValueKind.Timestamp, signed);
            case ScalarCode.Float:
                return new Value(ValueKind.Float, BinaryPrimitives.ReadInt64LittleEndian(bytes));
            case ScalarCode.String:
                return String(Encoding.UTF8.GetString(bytes));
            case ScalarCode.Bytes:
                return Bytes(bytes);
            default:
                return Unknown(code, bytes);
        }
    }

    internal static Value Decode(in StoredValue stored) => Decode(stored.Type, stored.Bytes);
}
