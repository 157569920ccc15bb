using Automerge.Changes;

namespace Automerge.Operations;

/// <summary>An object of a document: a map or a sequence.</summary>
/// <remarks>One owner, one thread.</remarks>
internal abstract class OpObject(LocalId id, OpAction made)
{
    /// <summary>The operation that made it; none for the root.</summary>
    public LocalId Id { get; } = id;

    /// <summary>How it was made: as map, list, text or table.</summary>
    public OpAction Made { get; } = made;

    public bool IsText => Made == OpAction.MakeText;

    /// <summary>The object it was put into and, as it can be found there, the place; null for the root.</summary>
    public OpObject? Parent { get; init; }

    /// <summary>Number of the parent's map key, when the parent is a map.</summary>
    public int ParentName { get; init; } = -1;

    /// <summary>The parent's element, when the parent is a sequence.</summary>
    public LocalId ParentElement { get; init; }
}

/// <summary>Bytes of memory that the parts of an op set take, about.</summary>
internal sealed class MemoryCount
{
    public long Bytes;
}

/// <summary>A map or table.</summary>
internal sealed class MapObject(LocalId id, OpAction made) : OpObject(id, made)
{
    // Up to this many keys a search through all is faster than a table.
    private const int KeysWithoutTable = 12;

    private int[] _names = new int[2];
    private Register[] _registers = new Register[2];
    private Dictionary<int, int>? _places;

    public int Count { get; private set; }

    /// <summary>Numbers of the keys, in order of arrival; with <see cref="Registers"/>.</summary>
    public ReadOnlySpan<int> Names => _names.AsSpan(0, Count);

    public ReadOnlySpan<Register> Registers => _registers.AsSpan(0, Count);

    public Register? Find(int name)
    {
        int place = PlaceOf(name);
        return place < 0 ? null : _registers[place];
    }

    public Register FindOrAdd(int name)
    {
        int place = PlaceOf(name);
        if (place >= 0) return _registers[place];
        if (Count == _names.Length)
        {
            Array.Resize(ref _names, 2 * Count);
            Array.Resize(ref _registers, 2 * Count);
        }

        _names[Count] = name;
        Register register = new();
        _registers[Count] = register;
        Count++;
        if (_places is not null) _places.Add(name, Count - 1);
        else if (Count > KeysWithoutTable) MakeTable();
        return register;
    }

    /// <summary>Forgets a key that has no operation.</summary>
    public void Remove(int name)
    {
        int place = PlaceOf(name);
        int last = --Count;
        _names[place] = _names[last];
        _registers[place] = _registers[last];
        _registers[last] = null!;
        if (_places is null) return;
        _places.Remove(name);
        if (place != last) _places[_names[place]] = place;
    }

    private int PlaceOf(int name)
    {
        if (_places is null) return Names.IndexOf(name);
        return _places.TryGetValue(name, out int place) ? place : -1;
    }

    private void MakeTable()
    {
        _places = new Dictionary<int, int>(2 * Count);
        for (int i = 0; i < Count; i++) _places.Add(_names[i], i);
    }
}
