using System.Collections;

namespace Automerge.Values;

/// <summary>The marks that are over a place of a text, ascending by name; each has one value.</summary>
/// <remarks>Immutable; safe on any thread.</remarks>
public sealed class MarkSet : IReadOnlyList<KeyValuePair<string, Value>>, IEquatable<MarkSet>
{
    private readonly KeyValuePair<string, Value>[] _marks;

    internal MarkSet(KeyValuePair<string, Value>[] ascending) => _marks = ascending;

    /// <summary>No marks.</summary>
    public static MarkSet Empty { get; } = new([]);

    /// <inheritdoc/>
    public int Count => _marks.Length;

    /// <inheritdoc/>
    public KeyValuePair<string, Value> this[int index] => _marks[index];

    /// <summary>The value of a mark, if it is there.</summary>
    public bool TryGet(string name, out Value value)
    {
        foreach (KeyValuePair<string, Value> mark in _marks)
        {
            if (mark.Key != name) continue;
            value = mark.Value;
            return true;
        }

        value = default;
        return false;
    }

    /// <summary>Same names with same values.</summary>
    public bool Equals(MarkSet? other) => ReferenceEquals(this, other) || (other is not null && _marks.AsSpan().SequenceEqual(other._marks));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as MarkSet);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        foreach (KeyValuePair<string, Value> mark in _marks) hash.Add(mark);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, Value>> GetEnumerator() => ((IEnumerable<KeyValuePair<string, Value>>)_marks).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _marks.GetEnumerator();
}
