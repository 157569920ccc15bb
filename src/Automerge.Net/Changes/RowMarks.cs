using System.Buffers;

namespace Automerge.Changes;

/// <summary>A set of rows as bits, made to be used and cleared many times: both cost only what was touched.</summary>
/// <remarks>Not thread-safe.</remarks>
internal sealed class RowMarks
{
    private ulong[] _words = [];
    private int _lowestWord = int.MaxValue;
    private int _highestWord = -1;

    /// <summary>Adds a row; false if it was in the set.</summary>
    public bool Mark(int row)
    {
        int word = row >> 6;
        if (word >= _words.Length) Array.Resize(ref _words, Math.Max(word + 1, 2 * _words.Length));
        ulong bit = 1UL << row;
        if ((_words[word] & bit) != 0) return false;
        _words[word] |= bit;
        _lowestWord = Math.Min(_lowestWord, word);
        _highestWord = Math.Max(_highestWord, word);
        return true;
    }

    /// <summary>Takes a row out; false if it was not in the set.</summary>
    public bool Unmark(int row)
    {
        int word = row >> 6;
        ulong bit = 1UL << row;
        if (word >= _words.Length || (_words[word] & bit) == 0) return false;
        _words[word] &= ~bit;
        return true;
    }

    /// <summary>Whether a row is in the set.</summary>
    public bool IsMarked(int row)
    {
        int word = row >> 6;
        return word < _words.Length && (_words[word] & (1UL << row)) != 0;
    }

    /// <summary>Takes all rows out.</summary>
    public void Clear()
    {
        if (_highestWord >= _lowestWord) _words.AsSpan(_lowestWord, _highestWord - _lowestWord + 1).Clear();
        _lowestWord = int.MaxValue;
        _highestWord = -1;
    }
}

/// <summary>A few row numbers for the length of one call; rented when they are more than a few.</summary>
internal ref struct RowBuffer
{
    private readonly int[] _rented;
    private int _count;

    public RowBuffer(int capacity)
    {
        _rented = capacity == 0 ? [] : ArrayPool<int>.Shared.Rent(capacity);
        _count = 0;
    }

    public readonly ReadOnlySpan<int> Rows => _rented.AsSpan(0, _count);

    public void Add(int row) => _rented[_count++] = row;

    public readonly void Dispose()
    {
        if (_rented.Length > 0) ArrayPool<int>.Shared.Return(_rented);
    }
}
