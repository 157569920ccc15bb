using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Blobs;

/// <summary>Who may read blobs (<c>BLOB_ACCESS</c>).</summary>
public enum BlobRule : byte
{
    /// <summary>Whoever has claimed a blob, or may read a document that has.</summary>
    Accounts,

    /// <summary>The original's rule: whoever knows the hash.</summary>
    Capability,
}

/// <summary>What blobs need from outside.</summary>
public sealed record BlobOptions
{
    public required IBlobStage Stage { get; init; }

    public required IBlobStore Store { get; init; }

    public required IBlobIndex Index { get; init; }

    public required IAccountStore Accounts { get; init; }

    public required AccessResolver Access { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Fills bytes nobody can guess: ids of uploads.</summary>
    public required Action<Span<byte>> FillRandom { get; init; }

    public required BlobLog Log { get; init; }

    public required BlobMetrics Metrics { get; init; }

    public BlobRule Rule { get; init; }

    /// <summary>Uploads in chunks that a user may have under way.</summary>
    public int UploadsMax { get; init; } = 100;
}
