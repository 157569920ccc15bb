namespace Automerge.Format;

/// <summary>Why bytes could not be taken as a chunk.</summary>
public enum ChunkError
{
    /// <summary>Nothing was wrong.</summary>
    None = 0,

    /// <summary>The bytes end before the chunk does.</summary>
    Truncated,

    /// <summary>The bytes do not begin with the chunk magic.</summary>
    BadMagic,

    /// <summary>The chunk type is none of the known ones.</summary>
    UnknownType,

    /// <summary>The body length is not a minimal LEB128 number.</summary>
    BadLength,

    /// <summary>The chunk is of another type than the one asked for.</summary>
    WrongType,

    /// <summary>The deflated body is damaged.</summary>
    BadDeflate,

    /// <summary>The deflated body is followed by bytes that do not belong to it.</summary>
    LeftoverAfterDeflate,

    /// <summary>The body inflates to more than the caller allows.</summary>
    InflatesTooLarge,
}

/// <summary>Words for <see cref="ChunkError"/>.</summary>
public static class ChunkErrorExtensions
{
    /// <summary>Says what was wrong, for logs and exceptions.</summary>
    public static string Describe(this ChunkError error) => error switch
    {
        ChunkError.None => "no error",
        ChunkError.Truncated => "chunk: not enough data",
        ChunkError.BadMagic => "chunk: wrong magic bytes",
        ChunkError.UnknownType => "chunk: unknown chunk type",
        ChunkError.BadLength => "chunk: malformed body length",
        ChunkError.WrongType => "chunk: not of the expected type",
        ChunkError.BadDeflate => "chunk: corrupt deflate stream",
        ChunkError.LeftoverAfterDeflate => "chunk: data left over after the deflate stream",
        ChunkError.InflatesTooLarge => "chunk: inflates to more than is allowed",
        _ => "chunk: invalid",
    };
}
