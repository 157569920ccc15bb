namespace Ratatoskr.Http;

/// <summary>Writes a small file for the server's user alone, so that after a power cut it is there whole, once this has returned; or as it was before.</summary>
/// <exception cref="IOException">It cannot be written.</exception>
public delegate void DurableWrite(string path, ReadOnlySpan<byte> content);
