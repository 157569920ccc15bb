namespace Ratatoskr.Engine.Storage;

/// <summary>
/// What is behind a port of storage cannot take or give anything now: a full disk, a device that failed, a store that is closing. The call it answers stored
/// nothing, and is worth repeating later. Adapters derive from it; their messages are for the log.
/// </summary>
public abstract class StorageException : Exception
{
    protected StorageException()
    {
    }

    protected StorageException(string message)
        : base(message)
    {
    }

    protected StorageException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
