using System.Text.Unicode;
using Ratatoskr.Protocol.Cbor;

namespace Ratatoskr.Protocol.Messages;

/// <summary>The elements of a CBOR array of short text strings, where they lie. Allocates nothing; <c>foreach</c> works on it.</summary>
public ref struct TextEnumerator
{
    private readonly ReadOnlySpan<byte> _message;
    private readonly int _lengthMax;
    private CborCursor _cursor;
    private CborItems _elements;

    internal TextEnumerator(ReadOnlySpan<byte> message, Slice array, int lengthMax)
    {
        _message = message;
        _lengthMax = lengthMax;
        _cursor = new CborCursor(message, array);
        Failed = array.IsPresent && !_cursor.TryReadArrayStart(out _elements);
    }

    public Slice Current { get; private set; }

    /// <summary>The array is not what it should be. Never so for what <see cref="MessageReader"/> has let through.</summary>
    internal bool Failed { get; private set; }

    public readonly TextEnumerator GetEnumerator() => this;

    public bool MoveNext()
    {
        if (Failed || !_cursor.MoveNext(ref _elements)) return false;
        Failed = !_cursor.TryReadText(out Slice text) || text.Length > _lengthMax || !Utf8.IsValid(text.In(_message));
        Current = text;
        return !Failed;
    }
}
