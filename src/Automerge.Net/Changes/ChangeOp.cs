namespace Automerge.Changes;

/// <summary>Where in its object an operation acts: a map key, a list element, or the head of a list.</summary>
public readonly record struct OpKey
{
    private OpKey(string? mapKey, OpId element)
    {
        MapKey = mapKey;
        Element = element;
    }

    /// <summary>Before the first element; only inserts go there.</summary>
    public static OpKey Head => default;

    /// <summary>The key in a map; null for elements.</summary>
    public string? MapKey { get; }

    /// <summary>The insert that made the element; default for the head and for map keys.</summary>
    public OpId Element { get; }

    /// <summary>Whether this is the head of a list.</summary>
    public bool IsHead => MapKey is null && Element.Counter == 0;

    /// <summary>A key of a map.</summary>
    public static OpKey Map(string key) => new(key, default);

    /// <summary>An element of a list or text.</summary>
    public static OpKey ListElement(OpId element) => new(null, element);
}

/// <summary>A value as it is encoded: type code and bytes, which for unknown types are all there is.</summary>
/// <param name="Type">0 null, 1 false, 2 true, 3 unsigned, 4 signed, 5 float, 6 string, 7 bytes, 8 counter, 9 timestamp; up to 15.</param>
/// <param name="Bytes">The encoded value.</param>
public readonly record struct EncodedValue(byte Type, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Same type and same bytes.</summary>
    public bool Equals(EncodedValue other) => Type == other.Type && Bytes.Span.SequenceEqual(other.Bytes.Span);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Type, Bytes.Length);
}

/// <summary>One operation of a decoded change. Its own id follows from its place.</summary>
public sealed record ChangeOp
{
    /// <summary>The object acted on; null is the root map.</summary>
    public OpId? Object { get; init; }

    /// <summary>Where in the object.</summary>
    public OpKey Key { get; init; }

    /// <summary>Whether a new list element is made after <see cref="Key"/>.</summary>
    public bool Insert { get; init; }

    /// <summary>What is done.</summary>
    public OpAction Action { get; init; }

    /// <summary>The value set, added, or marked with.</summary>
    public EncodedValue Value { get; init; }

    /// <summary>The operations this one replaces, ascending.</summary>
    public IReadOnlyList<OpId> Predecessors { get; init; } = [];

    /// <summary>Whether a mark grows at this end.</summary>
    public bool Expand { get; init; }

    /// <summary>The mark's name where it begins; null where it ends and on other operations.</summary>
    public string? MarkName { get; init; }
}
