using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Storage;

/// <summary>
/// The store cannot take or give anything now: no space left above the reserve, a failed device, a store that is closing.
/// The call it answers stored nothing. Worth repeating later.
/// </summary>
public sealed class StoreUnavailableException : StorageException
{
    public StoreUnavailableException()
    {
    }

    public StoreUnavailableException(string message)
        : base(message)
    {
    }

    public StoreUnavailableException(string message, Exception inner)
        : base(message, inner)
    {
    }

    internal static StoreUnavailableException For(string operation, string folder, string cause, Exception? inner = null) =>
        new($"{operation} refused: {cause} ({folder})", inner!);
}

/// <summary>What was read is not what was written. Repeating does not help; the message names the document and the part.</summary>
public sealed class StoreDamagedException : Exception
{
    public StoreDamagedException()
    {
    }

    public StoreDamagedException(string message)
        : base(message)
    {
    }

    public StoreDamagedException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>The data folder cannot be opened: another process has it, or it was written by a version this one does not know. One line for the operator.</summary>
public sealed class StoreFolderException : Exception
{
    public StoreFolderException()
    {
    }

    public StoreFolderException(string message)
        : base(message)
    {
    }

    public StoreFolderException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
