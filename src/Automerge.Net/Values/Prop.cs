using System.Globalization;

namespace Automerge.Values;

/// <summary>Where in its object a value is: a map's key, or an index in a list or text.</summary>
public readonly record struct Prop
{
    private readonly int _index;

    private Prop(string? key, int index) => (Key, _index) = (key, index);

    /// <summary>The key; null when this is an index.</summary>
    public string? Key { get; }

    /// <summary>Whether this is an index.</summary>
    public bool IsIndex => Key is null;

    /// <summary>The index; in a text, in the unit in which the text is read.</summary>
    /// <exception cref="InvalidOperationException">This is a key.</exception>
    public int Index => Key is null ? _index : throw new InvalidOperationException($"the key '{Key}' is not an index");

    /// <summary>A map's key.</summary>
    public static Prop OfKey(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return new Prop(key, 0);
    }

    /// <summary>An index in a list or text.</summary>
    public static Prop OfIndex(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        return new Prop(null, index);
    }

    /// <summary>A map's key.</summary>
    public static implicit operator Prop(string key) => OfKey(key);

    /// <summary>An index in a list or text.</summary>
    public static implicit operator Prop(int index) => OfIndex(index);

    /// <summary>The key or the index.</summary>
    public override string ToString() => Key ?? _index.ToString(CultureInfo.InvariantCulture);
}
