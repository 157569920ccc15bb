using System.Text.Unicode;
using Ratatoskr.Protocol.Cbor;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Protocol.Messages;

/// <summary>One store's heads for a document, as a peer reports them.</summary>
/// <param name="StorageId">Whose heads.</param>
/// <param name="Heads">A CBOR array of texts, to be forwarded as it is: base58check since automerge-repo 2.0, hex before.</param>
/// <param name="Timestamp">Milliseconds since 1970 at the node that saw the heads first-hand; of strictly newer ones only is notice taken.</param>
public readonly record struct RemoteHeads(Slice StorageId, Slice Heads, double Timestamp);

/// <summary>The entries of <c>newHeads</c>: <c>{storageId: {heads: [text], timestamp: number}}</c>, where they lie. Allocates nothing.</summary>
public ref struct RemoteHeadsEnumerator
{
    // Base58check of 32 bytes is 50 characters, hex 64.
    private const int HeadLengthMax = 128;

    private readonly ReadOnlySpan<byte> _message;
    private CborCursor _cursor;
    private CborItems _entries;

    internal RemoteHeadsEnumerator(ReadOnlySpan<byte> message, Slice map)
    {
        _message = message;
        _cursor = new CborCursor(message, map);
        Failed = map.IsPresent && !_cursor.TryReadMapStart(out _entries);
    }

    public RemoteHeads Current { get; private set; }

    /// <inheritdoc cref="TextEnumerator.Failed"/>
    internal bool Failed { get; private set; }

    public readonly RemoteHeadsEnumerator GetEnumerator() => this;

    public bool MoveNext()
    {
        if (Failed || !_cursor.MoveNext(ref _entries)) return false;
        Failed = !TryReadEntry(out RemoteHeads entry);
        Current = entry;
        return !Failed;
    }

    private bool TryReadEntry(out RemoteHeads entry)
    {
        entry = default;
        if (!_cursor.TryReadText(out Slice storageId) || storageId.Length > StorageId.LengthMax || !Utf8.IsValid(storageId.In(_message))) return false;
        if (!_cursor.TryReadMapStart(out CborItems fields)) return false;
        Slice heads = default;
        double timestamp = double.NaN;
        while (_cursor.MoveNext(ref fields))
        {
            if (!_cursor.TryReadText(out Slice key))
            {
                if (!_cursor.TrySkip() || !_cursor.TrySkip()) return false;
                continue;
            }

            ReadOnlySpan<byte> name = key.In(_message);
            if (name.SequenceEqual("timestamp"u8))
            {
                if (!_cursor.TryReadNumber(out timestamp)) return false;
                continue;
            }

            int start = _cursor.Position;
            if (!_cursor.TrySkip()) return false;
            if (name.SequenceEqual("heads"u8)) heads = new Slice(start, _cursor.Position - start);
        }

        if (!heads.IsPresent || !double.IsFinite(timestamp) || timestamp < 0) return false;
        TextEnumerator texts = new(_message, heads, HeadLengthMax);
        while (texts.MoveNext())
        {
        }

        entry = new RemoteHeads(storageId, heads, timestamp);
        return !texts.Failed;
    }
}
