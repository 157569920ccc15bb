namespace Automerge.Values;

/// <summary>What a <see cref="Value"/> is.</summary>
public enum ValueKind : byte
{
    /// <summary>Null.</summary>
    Null,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A whole number from 0, up to 64 bits.</summary>
    Unsigned,

    /// <summary>A whole number, up to 64 bits with sign.</summary>
    Signed,

    /// <summary>A number of double precision.</summary>
    Float,

    /// <summary>A string that is replaced as a whole; edited text is an object.</summary>
    String,

    /// <summary>Bytes.</summary>
    Bytes,

    /// <summary>A number whose concurrent increments add up.</summary>
    Counter,

    /// <summary>A moment: milliseconds since 1970-01-01 UTC.</summary>
    Timestamp,

    /// <summary>A scalar of a type that the format has room for but does not define.</summary>
    Unknown,

    /// <summary>A map, list, text or table.</summary>
    Object,
}
