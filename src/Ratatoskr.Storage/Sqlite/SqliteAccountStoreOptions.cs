using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Storage.Sqlite;

/// <summary>Where and how accounts are kept. Defaults suit a server; sizes are in bytes.</summary>
public sealed record SqliteAccountStoreOptions
{
    /// <summary>The data folder; the database is <c>ratatoskr.db</c> in it. Created when missing, with permissions 0700.</summary>
    public required string Folder { get; init; }

    /// <summary>Makes the ids of user documents, on the writer thread; from 16 random bytes.</summary>
    public required Func<DocumentId> NewDocumentId { get; init; }

    /// <summary>For users who have none of their own.</summary>
    public required UserQuotas DefaultQuotas { get; init; }

    /// <summary>Threads that find one thing by its key, each with a connection of its own.</summary>
    public int ReaderThreads { get; init; } = Math.Clamp(Environment.ProcessorCount, 2, 8);

    /// <summary>Further ones for lists and for what leads to what: those take as long as there is much, and nobody's sign-in waits behind them.</summary>
    public int ListThreads { get; init; } = 1;

    /// <summary>Calls that wait for the writer, and for either kind of readers, before further ones wait to be let in.</summary>
    public int QueueLength { get; init; } = 4096;

    /// <summary>Writes in one transaction, so that the first does not wait long for the last.</summary>
    public int GroupMax { get; init; } = 256;

    /// <summary>How long uses of API tokens are gathered before they are written.</summary>
    public TimeSpan TokenUseInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Counts; null: nobody wants to know.</summary>
    public StoreMetrics? Metrics { get; init; }

    public ILogger Logger { get; init; } = NullLogger.Instance;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrEmpty(Folder);
        ArgumentOutOfRangeException.ThrowIfLessThan(ReaderThreads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(ListThreads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(QueueLength, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(GroupMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(TokenUseInterval, TimeSpan.Zero);
    }
}
