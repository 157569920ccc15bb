namespace Ratatoskr.Storage.InMemory;

/// <summary>What a simulation makes of an append.</summary>
public enum AppendVerdict : byte
{
    /// <summary>Nothing special.</summary>
    Store,

    /// <summary>Answers Fenced, stores nothing.</summary>
    Fence,

    /// <summary>Stores it and answers Unknown.</summary>
    UnknownStored,

    /// <summary>Stores nothing and answers Unknown.</summary>
    UnknownLost,

    /// <summary>Answers nothing until <see cref="InMemoryChunkStore.Release"/>; what is called later for the same document waits behind it.</summary>
    Hold,
}
