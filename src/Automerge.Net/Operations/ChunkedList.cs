namespace Automerge.Operations;

/// <summary>
/// A list into which one can insert anywhere at a bounded cost: up to <see cref="ChunkMax"/> items it is an array; beyond, arrays of at most that many.
/// Most hold one item. Places are found by adding up the chunks, some microseconds for a million items.
/// </summary>
/// <remarks>A mutable struct: to be a field, never copied.</remarks>
internal struct ChunkedList<T>
{
    public const int ChunkMax = 512;

    private T[]? _items;                 // null when there are chunks
    private List<(T[] Items, int Count)>? _chunks;

    public int Count { get; private set; }

    public readonly ref T this[int index]
    {
        get
        {
            if (_chunks is null) return ref _items.AsSpan(0, Count)[index];
            int chunk = 0;
            for (; index >= _chunks[chunk].Count; chunk++) index -= _chunks[chunk].Count;
            return ref _chunks[chunk].Items[index];
        }
    }

    public void Insert(int index, in T item)
    {
        if (_chunks is null && Count < ChunkMax)
        {
            _items ??= new T[1];
            if (Count == _items.Length) Array.Resize(ref _items, Math.Min(2 * Count, ChunkMax));
            Insert(_items, Count, index, item);
        }
        else
        {
            InsertIntoChunks(index, item);
        }

        Count++;
    }

    public void RemoveAt(int index)
    {
        Count--;
        if (_chunks is null)
        {
            Remove(_items!, Count + 1, index);
            return;
        }

        int chunk = 0;
        for (; index >= _chunks[chunk].Count; chunk++) index -= _chunks[chunk].Count;
        (T[] items, int count) = _chunks[chunk];
        Remove(items, count, index);
        if (count == 1) _chunks.RemoveAt(chunk);
        else _chunks[chunk] = (items, count - 1);
    }

    /// <summary>The last item of which something holds, or -1; from the end on.</summary>
    public readonly int FindLastIndex(Condition holds)
    {
        int after = Count;
        for (int chunk = _chunks?.Count ?? 1; chunk > 0; chunk--)
        {
            (T[] items, int count) = _chunks is null ? (_items ?? [], Count) : _chunks[chunk - 1];
            for (int i = count - 1; i >= 0; i--)
            {
                if (holds(items[i])) return after - count + i;
            }

            after -= count;
        }

        return -1;
    }

    public readonly Enumerator GetEnumerator() => new(_chunks, _items, Count);

    private void InsertIntoChunks(int index, in T item)
    {
        if (_chunks is null)
        {
            _chunks = [(_items!, Count)];
            _items = null;
        }

        int chunk = 0;
        for (; index > _chunks[chunk].Count && chunk < _chunks.Count - 1; chunk++) index -= _chunks[chunk].Count;
        (T[] items, int count) = _chunks[chunk];
        if (count == ChunkMax)
        {
            // Appending leaves full chunks behind.
            int half = index == count && chunk == _chunks.Count - 1 ? count : count / 2;
            T[] right = new T[ChunkMax];
            items.AsSpan(half, count - half).CopyTo(right);
            items.AsSpan(half, count - half).Clear();
            _chunks[chunk] = (items, half);
            _chunks.Insert(chunk + 1, (right, count - half));
            if (index >= half)
            {
                index -= half;
                chunk++;
            }

            (items, count) = _chunks[chunk];
        }

        Insert(items, count, index, item);
        _chunks[chunk] = (items, count + 1);
    }

    private static void Insert(T[] items, int count, int index, in T item)
    {
        items.AsSpan(index, count - index).CopyTo(items.AsSpan(index + 1));
        items[index] = item;
    }

    private static void Remove(T[] items, int count, int index)
    {
        items.AsSpan(index + 1, count - index - 1).CopyTo(items.AsSpan(index));
        items[count - 1] = default!;
    }

    public delegate bool Condition(in T item);

    public struct Enumerator(List<(T[] Items, int Count)>? chunks, T[]? items, int count)
    {
        private T[]? _items = chunks is null ? items : null;
        private int _count = chunks is null ? count : 0;
        private int _chunk;
        private int _at = -1;

        public readonly ref T Current => ref _items![_at];

        public bool MoveNext()
        {
            if (++_at < _count) return true;
            if (chunks is null || _chunk == chunks.Count) return false;
            (_items, _count) = chunks[_chunk++];
            _at = 0;
            return true;
        }
    }
}
