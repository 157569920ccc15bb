using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Server.Configuration;
using Ratatoskr.Storage;
using Ratatoskr.Storage.Blobs;

namespace Ratatoskr.Server.Composition;

/// <summary>Blobs: where their bytes wait and lie, and who looks after them.</summary>
internal sealed class BlobServices : IAsyncDisposable
{
    private readonly BlobDisk _disk;
    private readonly FileBlobStage _stage;
    private readonly S3BlobStore? _bucket;
    private readonly CancellationTokenSource _stop = new();
    private Task _collecting = Task.CompletedTask;

    private BlobServices(ServerOptions options, AccountServices accounts, RightOfWay way, Meter meter, ILoggerFactory loggers)
    {
        _disk = new BlobDisk(new BlobDiskOptions { Folder = options.DataDirectory, Way = way, Logger = loggers.CreateLogger("Ratatoskr.Storage") });
        _stage = new FileBlobStage(_disk);
        if (options.Accounts.Blobs.S3 is { } s3) _bucket = BucketOf(s3);
        Service = new BlobService(new BlobOptions
        {
            Stage = _stage,
            Store = _bucket as IBlobStore ?? new FileBlobStore(_disk),
            Index = accounts.BlobIndex,
            Accounts = accounts.Store,
            Access = accounts.Access,
            Time = TimeProvider.System,
            FillRandom = RandomNumberGenerator.Fill,
            Log = new BlobLog(loggers.CreateLogger("Ratatoskr.Blobs")),
            Metrics = new BlobMetrics(meter),
            Rule = options.Accounts.Blobs.Rule,
        });
    }

    public BlobService Service { get; }

    /// <summary>Mends what the last stop left, before anybody is served.</summary>
    public static async Task<BlobServices> OpenAsync(ServerOptions options, AccountServices accounts, RightOfWay way, Meter meter, ILoggerFactory loggers, CancellationToken cancel)
    {
        BlobServices services = new(options, accounts, way, meter, loggers);
        try
        {
            await services.Service.Uploads.RecoverAsync(cancel).ConfigureAwait(false);
            services._collecting = services.Service.Collector.RunAsync(services._stop.Token);
            return services;
        }
        catch
        {
            await services.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _collecting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        _bucket?.Dispose();
        _stage.Dispose();
        _disk.Dispose();
    }

    /// <summary>The store in S3. Only who calls this has the SDK's assemblies loaded.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static S3BlobStore BucketOf(S3Settings s3) => new(new S3BlobStoreOptions
    {
        Bucket = s3.Bucket,
        Endpoint = s3.Endpoint,
        Region = s3.Region,
        KeyId = s3.KeyId,
        Secret = s3.Secret,
        Prefix = s3.Prefix,
        Presign = s3.Presign,
    });
}
