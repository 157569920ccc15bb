namespace Ratatoskr.Storage.Blobs;

/// <summary>What there was when a chunk was begun.</summary>
internal enum ChunkStart : byte
{
    /// <summary>The upload has been discarded.</summary>
    Gone,

    WasNotThere,

    WasThere,
}
