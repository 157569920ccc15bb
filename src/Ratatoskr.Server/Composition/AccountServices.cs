using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Oidc;
using Ratatoskr.Http.Tokens;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Server.Configuration;
using Ratatoskr.Storage;
using Ratatoskr.Storage.Files;
using Ratatoskr.Storage.Sqlite;

namespace Ratatoskr.Server.Composition;

/// <summary>Users, their credentials and their documents: opened once the data folder is ours, shared by socket and API.</summary>
internal sealed partial class AccountServices : IAsyncDisposable
{
    private const int SweptAtOnce = 100;
    private static readonly TimeSpan SweepEvery = TimeSpan.FromHours(1);
    private static readonly TimeSpan FirstSweepAfter = TimeSpan.FromMinutes(1);

    private readonly SqliteAccountStore _store;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _sweeping;

    private AccountServices(ServerOptions options, SqliteAccountStore store, IChunkStore chunks, IControlLog control, ILogger log)
    {
        _store = store;
        _log = log;
        Control = control;
        string keyFolder = Path.Combine(options.DataDirectory, "keys");
        DurableFiles.CreateDirectory(keyFolder);
        KeyFolder keys = new(keyFolder, DurableFiles.Replace);
        Sessions = new SessionTokens(options.Accounts.JwtSecret ?? keys.Open(KeyFolder.SessionSigning));
        Tokens = new ApiTokens(keys.Open(KeyFolder.TokenHashing));
        Links = new BlobLinks(keys.Open(KeyFolder.LinkSigning));
        Authenticator = new AccountAuthenticator(store, Sessions, Tokens, TimeProvider.System);
        Ledger = new QuotaLedger(store);
        Access = new AccessResolver(store, control, Ledger);
        Limiter = new RateLimiter(options.Accounts.RateLimits);
        Directory = new DocumentDirectory(store, chunks, control, Access, TimeProvider.System, RandomNumberGenerator.Fill);
        _sweeping = SweepAsync(_stop.Token);
    }

    public IAccountStore Store => _store;

    public IControlLog Control { get; }

    public SessionTokens Sessions { get; }

    public ApiTokens Tokens { get; }

    public BlobLinks Links { get; }

    public IBlobIndex BlobIndex => _store.Blobs;

    public AccountAuthenticator Authenticator { get; }

    public QuotaLedger Ledger { get; }

    public AccessResolver Access { get; }

    public DocumentDirectory Directory { get; }

    public RateLimiter Limiter { get; }

    /// <exception cref="IOException">The database, a key or the pinned issuer stands in the way; the message is one sentence.</exception>
    public static async Task<AccountServices> OpenAsync(ServerOptions options, IChunkStore chunks, IControlLog control, StoreMetrics metrics, ILoggerFactory loggers)
    {
        if (options.Accounts.Provider is { } provider) IssuerPin.Check(options.DataDirectory, provider.Issuer, DurableFiles.Replace);
        SqliteAccountStore store = await SqliteAccountStore.OpenAsync(new SqliteAccountStoreOptions
        {
            Folder = options.DataDirectory,
            NewDocumentId = NewDocumentId,
            DefaultQuotas = options.Accounts.DefaultQuotas,
            Metrics = metrics,
            Logger = loggers.CreateLogger("Ratatoskr.Storage"),
        }).ConfigureAwait(false);
        try
        {
            return new AccountServices(options, store, chunks, control, loggers.CreateLogger("Ratatoskr.Accounts"));
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _sweeping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        Ledger.Dispose();
        await _store.DisposeAsync().ConfigureAwait(false);
    }

    private static DocumentId NewDocumentId()
    {
        Span<byte> random = stackalloc byte[DocumentId.UuidLength];
        RandomNumberGenerator.Fill(random);
        return DocumentId.FromRandom(random);
    }

    // What has ended is refused by its date; the sweep only frees the room it takes.
    private async Task SweepAsync(CancellationToken stop)
    {
        using PeriodicTimer timer = new(FirstSweepAfter);                 // a server that is restarted often sweeps too
        while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false))
        {
            timer.Period = SweepEvery;
            try
            {
                await _store.SweepCredentialsAsync(TimeProvider.System.GetUtcNow(), stop).ConfigureAwait(false);
                while (await Directory.SweepAsync(SweptAtOnce, stop).ConfigureAwait(false) == SweptAtOnce)
                {
                    // there may be more
                }
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                LogSweepFailed(_log, e);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "sessions, tokens and documents that have ended could not be removed; tried again in an hour")]
    private static partial void LogSweepFailed(ILogger logger, Exception exception);
}
