using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Blobs;

/// <summary>The parts of blobs, which share what they wait for.</summary>
public sealed class BlobService
{
    public BlobService(BlobOptions options)
    {
        KeyedGate<BlobHash> hashes = new();
        Metrics = options.Metrics;
        Library = new BlobLibrary(options);
        Uploads = new BlobUploads(options, hashes);
        Collector = new BlobCollector(options, Uploads, hashes);
    }

    public BlobLibrary Library { get; }

    public BlobUploads Uploads { get; }

    public BlobCollector Collector { get; }

    public BlobMetrics Metrics { get; }
}
