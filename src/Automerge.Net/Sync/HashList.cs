using Automerge.Changes;

namespace Automerge.Sync;

/// <summary>
/// A short list of hashes, ascending and without repeats. Keeps its array while it fits, so that the one or two heads of most documents
/// are replaced without allocation; an empty one costs nothing.
/// </summary>
/// <remarks>A mutable struct: only ever a field, never copied.</remarks>
internal struct HashList
{
    private ChangeHash[]? _items;
    private int _count;

    public readonly int Count => _count;

    public readonly ReadOnlySpan<ChangeHash> Span => _items.AsSpan(0, _count);

    public readonly int MemoryBytes => _items is null ? 0 : 24 + (_items.Length * ChangeHash.Size);

    public void Clear()
    {
        _count = 0;
        if (_items is { Length: > 8 }) _items = null;
    }

    public void Set(ReadOnlySpan<ChangeHash> hashes)
    {
        Reserve(hashes.Length);
        hashes.CopyTo(_items);
        _count = hashes.Length;
        Normalise();
    }

    /// <summary>Adds one at the end; <see cref="Normalise"/> must follow.</summary>
    public void Append(in ChangeHash hash)
    {
        if (_items is null || _count == _items.Length) Array.Resize(ref _items, Math.Max(2, 2 * _count));
        _items[_count++] = hash;
    }

    /// <summary>Sorts and removes repeats. Lists from honest peers are in order already.</summary>
    public void Normalise()
    {
        if (_count < 2) return;
        Span<ChangeHash> items = _items.AsSpan(0, _count);
        bool ascending = true;
        for (int i = 1; i < items.Length && ascending; i++) ascending = items[i - 1].CompareTo(items[i]) < 0;
        if (ascending) return;

        items.Sort();
        int kept = 1;
        for (int i = 1; i < items.Length; i++)
        {
            if (items[i] != items[kept - 1]) items[kept++] = items[i];
        }

        _count = kept;
    }

    /// <summary>Keeps those that the predicate's spans contain.</summary>
    public void KeepOnly(ReadOnlySpan<ChangeHash> allowed)
    {
        int kept = 0;
        for (int i = 0; i < _count; i++)
        {
            if (allowed.BinarySearch(_items![i]) >= 0) _items[kept++] = _items[i];
        }

        _count = kept;
    }

    public readonly bool Contains(in ChangeHash hash) => Span.BinarySearch(hash) >= 0;

    private void Reserve(int count)
    {
        // A list that was long once does not stay so.
        if (_items is not null && count <= _items.Length && _items.Length <= 8 + (4 * count)) return;
        _items = count == 0 ? null : new ChangeHash[count];
    }
}
