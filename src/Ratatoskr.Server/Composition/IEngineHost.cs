using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Http;

namespace Ratatoskr.Server.Composition;

/// <summary>Everything behind the sockets: shards, documents, storage. Started while the port opens already, stopped after it has closed.</summary>
internal interface IEngineHost : IReadiness, IAsyncDisposable
{
    ISyncEndpoint Endpoint { get; }

    /// <summary>Users, their credentials and their documents, once started; null in open mode.</summary>
    AccountServices? Accounts { get; }

    /// <summary>Files by the hash of their bytes, once started; null in open mode: they are somebody's.</summary>
    BlobServices? Blobs { get; }

    /// <summary>What documents hold, for the API. Once started.</summary>
    DocumentContents Contents { get; }

    /// <summary>Opens the data folder and recovers what the last run left.</summary>
    /// <param name="urgent">Runs what peers wait for.</param>
    /// <param name="loggers">For all its parts.</param>
    /// <param name="meters">The same.</param>
    /// <param name="cancel">Gives it up.</param>
    Task StartAsync(IWorkScheduler urgent, ILoggerFactory loggers, IMeterFactory meters, CancellationToken cancel);

    /// <summary>Completes when everything received so far is on disk and its acknowledgements have been sent. Sockets close after it.</summary>
    Task CommitAsync(CancellationToken cancel);
}
