using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using Automerge.Columns;
using Automerge.Operations;

namespace Automerge.Documents;

/// <summary>Writes an object and all in it, keeping its place in each object on a stack of its own.</summary>
internal sealed class JsonDocumentWriter(Showing showing, Utf8JsonWriter writer, JsonStyle style)
{
    // 2^53 - 1: from there on automerge's JavaScript gives BigInts, as for everything unsigned.
    private const long SafeIntegerMax = 9_007_199_254_740_991;

    // Longer strings are written in pieces, so that the writer need not have room for the whole of one: up to six bytes for each that it escapes.
    private const int PieceLength = 4096;

    private readonly bool _tagged = style.Types == JsonTypes.Tagged;
    private Frame[] _frames = new Frame[8];
    private int _depth;

    public void Write(OpObject root)
    {
        Open(root);
        while (_depth > 0)
        {
            ref Frame frame = ref _frames[_depth - 1];
            if (frame.Object is MapObject map ? WriteNextKey(ref frame, map) : WriteNextElement(ref frame)) continue;
            if (frame.Object is MapObject) writer.WriteEndObject();
            else writer.WriteEndArray();
            _frames[--_depth] = default;
        }
    }

    private void Open(OpObject opened)
    {
        if (opened is SequenceObject { IsText: true } text)
        {
            WriteText(text);
            return;
        }

        if (_depth == style.DepthMax)
            throw new DocumentException(DocumentError.TooDeep, $"object {showing.Ops.ObjectIdOf(opened.Id)} is nested more than {style.DepthMax} deep");
        if (_depth == _frames.Length) Array.Resize(ref _frames, 2 * _depth);
        ref Frame frame = ref _frames[_depth++];
        frame.Object = opened;
        if (opened is MapObject map)
        {
            frame.Names = showing.ShownNames(map);
            writer.WriteStartObject();
        }
        else
        {
            frame.Walk = new SequenceWalk(showing, (SequenceObject)opened);
            writer.WriteStartArray();
        }
    }

    private bool WriteNextKey(ref Frame frame, MapObject map)
    {
        if (frame.Next == frame.Names.Length) return false;
        int name = frame.Names[frame.Next++];
        writer.WritePropertyName(showing.Ops.Names.Utf8(name));
        Register register = map.Find(name)!;
        WriteShown(register, showing.Winner(register));
        return true;
    }

    // An element with a register, or a whole run of scalars.
    private bool WriteNextElement(ref Frame frame)
    {
        if (!frame.Walk.MoveNext()) return false;
        if (frame.Walk.Register is { } register)
        {
            WriteShown(register, frame.Walk.Winner);
            return true;
        }

        ReadOnlySpan<byte> bytes = frame.Walk.Bytes;
        uint metadata = frame.Walk.Run.Metadata;
        int length = (int)(metadata >> 4);
        for (int i = 0; i < frame.Walk.Count; i++) WriteScalar((int)(metadata & 15), bytes.Slice(i * length, length));
        return true;
    }

    private void WriteShown(Register register, int winner)
    {
        ref RegisterOp op = ref register[winner];
        if (op.IsMake) Open(showing.Ops.Find(op.Id)!);
        else if (op.IsCounter) WriteNumber("$counter"u8, showing.CounterOf(register, winner));
        else WriteScalar(op.Value.Type, op.Value.Bytes);
    }

    private void WriteText(SequenceObject text)
    {
        SequenceWalk walk = new(showing, text);
        while (walk.MoveNext()) writer.WriteStringValueSegment(walk.Text, isFinalSegment: false);
        writer.WriteStringValueSegment(default(ReadOnlySpan<byte>), isFinalSegment: true);
    }

    private void WriteScalar(int code, ReadOnlySpan<byte> bytes)
    {
        switch (code)
        {
            case ScalarCode.Null:
                writer.WriteNullValue();
                break;
            case ScalarCode.False or ScalarCode.True:
                writer.WriteBooleanValue(code == ScalarCode.True);
                break;
            case ScalarCode.Unsigned:
                Leb128.TryReadUnsigned(ref bytes, out ulong unsigned);
                if (_tagged) WriteInteger(unsigned.ToString(CultureInfo.InvariantCulture));
                else writer.WriteNumberValue(unsigned);
                break;
            case ScalarCode.Signed:
                Leb128.TryReadSigned(ref bytes, out long signed);
                if (_tagged && signed is < -SafeIntegerMax or >= SafeIntegerMax) WriteInteger(signed.ToString(CultureInfo.InvariantCulture));
                else writer.WriteNumberValue(signed);
                break;
            case ScalarCode.Float:
                WriteFloat(BinaryPrimitives.ReadDoubleLittleEndian(bytes));
                break;
            case ScalarCode.String:
                WriteString("$str"u8, bytes);
                break;
            case ScalarCode.Counter:
                Leb128.TryReadSigned(ref bytes, out long counter);
                WriteNumber("$counter"u8, counter);
                break;
            case ScalarCode.Timestamp:
                Leb128.TryReadSigned(ref bytes, out long unixMs);
                WriteTimestamp(unixMs);
                break;
            case ScalarCode.Bytes:
                WriteBytes(bytes);
                break;
            default:
                WriteUnknown(code, bytes);
                break;
        }
    }

    private void WriteNumber(ReadOnlySpan<byte> tag, long value)
    {
        BeginTag(tag);
        writer.WriteNumberValue(value);
        EndTag();
    }

    private void WriteInteger(string digits)
    {
        writer.WriteStartObject();
        writer.WriteString("$int"u8, digits);
        writer.WriteEndObject();
    }

    private void WriteString(ReadOnlySpan<byte> tag, ReadOnlySpan<byte> utf8)
    {
        BeginTag(tag);
        if (utf8.Length <= PieceLength) writer.WriteStringValue(utf8);
        else WriteInPieces(utf8);
        EndTag();
    }

    // The writer puts together characters that a cut goes through.
    private void WriteInPieces(ReadOnlySpan<byte> utf8)
    {
        for (; utf8.Length > PieceLength; utf8 = utf8[PieceLength..]) writer.WriteStringValueSegment(utf8[..PieceLength], isFinalSegment: false);
        writer.WriteStringValueSegment(utf8, isFinalSegment: true);
    }

    // JSON has no numbers beyond the finite ones; these are the names that System.Text.Json reads as well.
    private void WriteFloat(double value)
    {
        if (double.IsFinite(value)) writer.WriteNumberValue(value);
        else WriteString("$number"u8, double.IsNaN(value) ? "NaN"u8 : value > 0 ? "Infinity"u8 : "-Infinity"u8);
    }

    private void WriteTimestamp(long unixMs)
    {
        bool isDate = unixMs >= DateTimeOffset.MinValue.ToUnixTimeMilliseconds() && unixMs <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();
        if (_tagged || !isDate) WriteNumber("$timestamp"u8, unixMs);
        else writer.WriteStringValue(DateTimeOffset.FromUnixTimeMilliseconds(unixMs).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
    }

    private void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        BeginTag("$bytes"u8);
        if (_tagged) WriteHex(bytes);
        else if (bytes.Length <= PieceLength) writer.WriteBase64StringValue(bytes);
        else WriteBase64InPieces(bytes);
        EndTag();
    }

    private void WriteBase64InPieces(ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length > PieceLength; bytes = bytes[PieceLength..]) writer.WriteBase64StringSegment(bytes[..PieceLength], isFinalSegment: false);
        writer.WriteBase64StringSegment(bytes, isFinalSegment: true);
    }

    private void WriteUnknown(int code, ReadOnlySpan<byte> bytes)
    {
        if (!_tagged)
        {
            WriteBytes(bytes);
            return;
        }

        BeginTag("$unknown"u8);
        writer.WriteStartObject();
        writer.WriteNumber("type"u8, code);
        writer.WritePropertyName("bytes"u8);
        WriteHex(bytes);
        writer.WriteEndObject();
        EndTag();
    }

    private void WriteHex(ReadOnlySpan<byte> bytes) => writer.WriteStringValue(Convert.ToHexStringLower(bytes));

    private void BeginTag(ReadOnlySpan<byte> tag)
    {
        if (!_tagged) return;
        writer.WriteStartObject();
        writer.WritePropertyName(tag);
    }

    private void EndTag()
    {
        if (_tagged) writer.WriteEndObject();
    }

    private struct Frame
    {
        public OpObject Object;
        public int[] Names;
        public int Next;
        public SequenceWalk Walk;
    }
}
