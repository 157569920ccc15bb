using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Unicode;

namespace Ratatoskr.Protocol.WebSockets;

/// <summary>
/// Makes whole messages and control frames of the bytes of one client. Takes what it is given, does no IO, knows no clock.
/// </summary>
/// <remarks>
/// One caller at a time. Holds pooled memory only while a message is under way or handed out: a caller that reads until
/// <see cref="TryRead"/> says false leaves nothing behind on an idle connection. The buffer grows with the bytes that arrive, never with the
/// length that a frame declares, so it is at most about twice what the peer has really sent (least: 4 KiB).
/// </remarks>
public sealed class MessageAssembler(int messageLengthMax) : IDisposable
{
    // The first rent for a message that has not arrived as a whole.
    private const int FirstBufferLength = 4096;

    private byte[]? _buffer;            // rented; the message under way, or what the last event handed out
    private int _length;                // bytes of the message in _buffer
    private byte[]? _control;           // rented; the payload of the control frame that the last event handed out
    private Opcode _message;            // Text or Binary while a message is under way, else Continuation
    private FrameHeader _frame;         // the data frame under way
    private long _frameLeft = -1;       // its bytes still to come; -1 between frames
    private bool _handedOut;            // _buffer belongs to the last event
    private bool _closed;

    /// <summary>The largest message taken, in bytes. A change counts from the next frame on: a session allows little before the hello and more after it.</summary>
    public int MessageLengthMax { get; set; } = messageLengthMax;

    /// <summary>Pooled bytes held now.</summary>
    public int BufferedBytes => (_buffer?.Length ?? 0) + (_control?.Length ?? 0);

    /// <summary>
    /// Takes bytes from <paramref name="input"/> until one event is complete. Consumed bytes are cut off <paramref name="input"/> either way:
    /// call until false, then tell the pipe that everything before its start is consumed and everything is examined.
    /// After a close frame all input is discarded.
    /// </summary>
    /// <returns>false: no event until more bytes arrive.</returns>
    /// <exception cref="ProtocolException">The peer broke RFC 6455 (1002, 1007) or the limit (1009). The assembler is of no more use; dispose it.</exception>
    public bool TryRead(ref ReadOnlySequence<byte> input, out WebSocketEvent read)
    {
        ReturnHandedOut();
        read = default;
        while (!_closed)
        {
            if (_frameLeft < 0)
            {
                if (!TryReadHeader(ref input, out FrameHeader header, ref read)) return false;
                if (header.IsControl) return true;
                BeginDataFrame(header);
            }

            TakePayload(ref input);
            if (_frameLeft > 0) return false;
            _frameLeft = -1;
            if (!_frame.Fin) continue;
            read = FinishMessage();
            return true;
        }

        input = input.Slice(input.End);
        return false;
    }

    /// <summary>Gives all memory back; the last event's payload is gone.</summary>
    public void Dispose()
    {
        ReturnHandedOut();
        ReturnBuffer();
        _closed = true;
    }

    // A control frame is at most 6 + 125 bytes: it is left in the input until it is there as a whole, and then read in one go.
    private bool TryReadHeader(ref ReadOnlySequence<byte> input, out FrameHeader header, ref WebSocketEvent read)
    {
        int length;
        if (input.FirstSpan.Length >= FrameReader.ClientHeaderLengthMax || input.IsSingleSegment)
        {
            if (!FrameReader.TryReadClientHeader(input.FirstSpan, out header, out length)) return false;
        }
        else
        {
            SequenceReader<byte> reader = new(input);
            if (!FrameReader.TryReadClientHeader(ref reader, out header)) return false;
            length = (int)reader.Consumed;
        }

        if (!header.IsControl)
        {
            input = input.Slice(length);
            return true;
        }

        if (input.Length < length + header.Length) return false;
        read = ReadControl(input.Slice(length, header.Length), header);
        input = input.Slice(length + header.Length);
        return true;
    }

    private WebSocketEvent ReadControl(in ReadOnlySequence<byte> payload, FrameHeader header)
    {
        Memory<byte> bytes = default;
        if (header.Length > 0)
        {
            _control = ArrayPool<byte>.Shared.Rent(FrameReader.ControlLengthMax);
            bytes = _control.AsMemory(0, (int)header.Length);
            payload.CopyTo(bytes.Span);
            Masking.Unmask(bytes.Span, header.MaskKey, 0);
        }

        return header.Opcode switch
        {
            Opcode.Ping => new WebSocketEvent(WebSocketEventKind.Ping, bytes),
            Opcode.Pong => new WebSocketEvent(WebSocketEventKind.Pong, bytes),
            _ => ReadClose(bytes),
        };
    }

    // RFC 6455 §5.5.1, §7.4: nothing, or a code that may be on the wire and a reason in UTF-8.
    private WebSocketEvent ReadClose(Memory<byte> payload)
    {
        _closed = true;
        ReturnBuffer();
        if (payload.Length == 0) return new WebSocketEvent(WebSocketEventKind.Close, default);
        if (payload.Length == 1) ThrowHelper.BadFrame("close frame of one byte");
        ushort code = BinaryPrimitives.ReadUInt16BigEndian(payload.Span);
        if (code is not (>= 1000 and <= 1003 or >= 1007 and <= 1014 or >= 3000 and <= 4999)) ThrowHelper.BadFrame("close code that may not be sent");
        ReadOnlyMemory<byte> reason = payload[2..];
        if (!Utf8.IsValid(reason.Span)) ThrowHelper.InvalidUtf8("close reason");
        return new WebSocketEvent(WebSocketEventKind.Close, reason, (CloseCode)code);
    }

    private void BeginDataFrame(in FrameHeader header)
    {
        if (header.Opcode == Opcode.Continuation)
        {
            if (_message == Opcode.Continuation) ThrowHelper.BadFrame("continuation of no message");
        }
        else
        {
            if (_message != Opcode.Continuation) ThrowHelper.BadFrame("new message inside a fragmented one");
            _message = header.Opcode;
        }

        if (header.Length > MessageLengthMax - _length) ThrowHelper.MessageTooBig(_length, header.Length, MessageLengthMax);
        _frame = header;
        _frameLeft = header.Length;
    }

    private void TakePayload(ref ReadOnlySequence<byte> input)
    {
        int take = (int)Math.Min(_frameLeft, input.Length);
        if (take == 0) return;
        EnsureRoom(take);

        int left = take;
        ReadOnlySequence<byte> payload = input.Slice(0, take);
        foreach (ReadOnlyMemory<byte> segment in payload)
        {
            Masking.Unmask(segment.Span, _buffer.AsSpan(_length), _frame.MaskKey, _frame.Length - _frameLeft + (take - left));
            _length += segment.Length;
            left -= segment.Length;
        }

        _frameLeft -= take;
        input = input.Slice(take);
    }

    private void EnsureRoom(int take)
    {
        int needed = _length + take;
        if (_buffer is not null && needed <= _buffer.Length) return;

        // Doubling, but never beyond what may still come: a message that is here as a whole gets just what it needs.
        // (What is needed may be over a limit that was lowered under way; it was within the one its frame was judged by.)
        long mayCome = _frame.Fin ? _length + _frameLeft : MessageLengthMax;
        long wish = Math.Max(needed, Math.Max(2L * _length, FirstBufferLength));
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, (int)Math.Min(wish, mayCome)));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        if (_buffer is not null) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }

    private WebSocketEvent FinishMessage()
    {
        bool text = _message == Opcode.Text;
        ReadOnlyMemory<byte> payload = _buffer.AsMemory(0, _length);
        if (text && !Utf8.IsValid(payload.Span)) ThrowHelper.InvalidUtf8("text message");
        _message = Opcode.Continuation;
        _handedOut = true;
        return new WebSocketEvent(text ? WebSocketEventKind.Text : WebSocketEventKind.Binary, payload);
    }

    private void ReturnHandedOut()
    {
        if (_control is not null)
        {
            ArrayPool<byte>.Shared.Return(_control);
            _control = null;
        }

        if (!_handedOut) return;
        Debug.Assert(_message == Opcode.Continuation, "a message under way was handed out");
        _handedOut = false;
        ReturnBuffer();
    }

    private void ReturnBuffer()
    {
        if (_buffer is not null) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = null;
        _length = 0;
    }
}
