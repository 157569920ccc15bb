using System.Diagnostics;

namespace Automerge.Documents;

/// <summary>The encoded changes of a document's newest rows, one after the other in blocks: what is asked for again and again while it is news.</summary>
/// <remarks>One owner, one thread.</remarks>
internal sealed class ChangeBytes
{
    // Small for documents of a few changes, large enough for a block per thousands of keystrokes.
    private const int FirstBlock = 512;
    private const int BlockMax = 64 * 1024;

    private readonly List<byte[]> _blocks = [];
    private readonly List<(int Block, int Offset, int Length)> _changes = [];
    private int _used;

    /// <summary>The first row whose bytes are here.</summary>
    public int FirstRow { get; private set; }

    /// <summary>Rows from the first on.</summary>
    public int EndRow => FirstRow + _changes.Count;

    /// <summary>Bytes of all changes here.</summary>
    public long Length { get; private set; }

    public void Add(ReadOnlySpan<byte> change)
    {
        if (_blocks.Count == 0 || _blocks[^1].Length - _used < change.Length)
        {
            int size = _blocks.Count == 0 ? FirstBlock : Math.Min(BlockMax, 2 * _blocks[^1].Length);
            _blocks.Add(new byte[Math.Max(size, change.Length)]);
            _used = 0;
        }

        change.CopyTo(_blocks[^1].AsSpan(_used));
        _changes.Add((_blocks.Count - 1, _used, change.Length));
        _used += change.Length;
        Length += change.Length;
    }

    public ReadOnlyMemory<byte> this[int row]
    {
        get
        {
            Debug.Assert(row >= FirstRow, "the bytes of this row are not here");
            (int block, int offset, int length) = _changes[row - FirstRow];
            return _blocks[block].AsMemory(offset, length);
        }
    }

    /// <summary>Forgets everything; the next change is that of a row.</summary>
    public void Restart(int row)
    {
        _blocks.Clear();
        _changes.Clear();
        (FirstRow, _used, Length) = (row, 0, 0);
    }
}
