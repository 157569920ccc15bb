namespace Ratatoskr.Engine.Documents;

/// <summary>
/// The latest change chunks of a document, in graph order, in blocks that are written once: a range of them can be handed
/// to the store or a socket without a copy. A new document's first block is as large as its first change.
/// </summary>
/// <remarks>Written by its shard only; bytes once written never move, so readers of old ranges need no lock.</remarks>
internal sealed class Tail
{
    // Blocks double from the first append up to this: 64 KiB stay below the large-object heap.
    private const int BlockBytesMax = 64 << 10;

    private Entry[] _entries = [];
    private byte[][] _blocks = [];
    private int _blockCount;
    private int _used;

    public int Count { get; private set; }

    public long Bytes { get; private set; }

    public long MemoryBytes => (_entries.Length * 12L) + Bytes + (_blockCount == 0 ? 0 : _blocks[_blockCount - 1].Length - _used);

    public ReadOnlyMemory<byte> this[int index]
    {
        get
        {
            Entry entry = _entries[index];
            return _blocks[entry.Block].AsMemory(entry.Offset, entry.Length);
        }
    }

    public void Append(ReadOnlySpan<byte> chunk)
    {
        if (_blockCount == 0 || _blocks[_blockCount - 1].Length - _used < chunk.Length) AddBlock(chunk.Length);
        if (Count == _entries.Length) Array.Resize(ref _entries, Math.Max(1, Count * 2));
        chunk.CopyTo(_blocks[_blockCount - 1].AsSpan(_used));
        _entries[Count++] = new Entry(_blockCount - 1, _used, chunk.Length);
        _used += chunk.Length;
        Bytes += chunk.Length;
    }

    /// <summary>
    /// The chunks from <paramref name="first"/> to before <paramref name="last"/> in as few contiguous pieces as possible; call again with <paramref name="next"/> until it
    /// equals <paramref name="last"/>.
    /// </summary>
    public ReadOnlyMemory<byte> Contiguous(int first, int last, out int next)
    {
        Entry start = _entries[first];
        int end = start.Offset + start.Length;
        next = first + 1;
        while (next < last && _entries[next].Block == start.Block)
        {
            end = _entries[next].Offset + _entries[next].Length;
            next++;
        }

        return _blocks[start.Block].AsMemory(start.Offset, end - start.Offset);
    }

    /// <summary>Bytes of the chunks from <paramref name="first"/> on.</summary>
    public long BytesFrom(int first)
    {
        long bytes = 0;
        for (int i = first; i < Count; i++) bytes += _entries[i].Length;
        return bytes;
    }

    /// <summary>The chunks from <paramref name="first"/> on, as a tail of their own.</summary>
    public Tail From(int first)
    {
        Tail tail = new();
        for (int i = first; i < Count; i++) tail.Append(this[i].Span);
        return tail;
    }

    private void AddBlock(int least)
    {
        int size = _blockCount == 0 ? least : Math.Max(least, Math.Min(BlockBytesMax, 2 * _blocks[_blockCount - 1].Length));
        if (_blockCount == _blocks.Length) Array.Resize(ref _blocks, Math.Max(1, _blockCount * 2));
        _blocks[_blockCount++] = new byte[size];
        _used = 0;
    }

    private readonly record struct Entry(int Block, int Offset, int Length);
}
