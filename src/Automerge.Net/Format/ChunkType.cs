namespace Automerge.Format;

/// <summary>What a chunk holds: the byte after its checksum.</summary>
public enum ChunkType : byte
{
    /// <summary>A whole document: all changes and operations, column by column.</summary>
    Document = 0,

    /// <summary>One change.</summary>
    Change = 1,

    /// <summary>One change whose body is raw DEFLATE; checksum and hash are those of the inflated change.</summary>
    CompressedChange = 2,

    /// <summary>An experimental set of changes. Known, but not read here.</summary>
    Bundle = 3,
}
