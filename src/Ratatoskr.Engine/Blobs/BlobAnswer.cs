using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Blobs;

/// <summary>Why something was not done with a blob or an upload.</summary>
public enum BlobRefusalKind : byte
{
    /// <summary>What was asked makes no sense; the message names the field.</summary>
    Invalid,

    /// <summary>Nobody may have it without saying who he is.</summary>
    Unauthorized,

    /// <summary>There is no such blob, claim or upload, or none that the caller may know of.</summary>
    NotFound,

    /// <summary>The upload is somebody else's.</summary>
    Forbidden,

    /// <summary>The caller's credential may not.</summary>
    InsufficientScope,

    AlreadyClaimed,

    /// <summary>Larger than a blob may be.</summary>
    TooLarge,

    QuotaExceeded,

    TooManyUploads,

    /// <summary>The upload's time is over.</summary>
    Expired,

    /// <summary>The upload is a blob already, and takes no chunks.</summary>
    Completed,

    InvalidChunkIndex,

    InvalidChunkSize,

    /// <summary>Chunks are missing.</summary>
    Incomplete,

    /// <summary>The bytes are others than was said.</summary>
    HashMismatch,

    /// <summary>Too much is being received; worth repeating soon.</summary>
    Busy,
}

/// <summary>Why something was not done with a blob or an upload.</summary>
/// <param name="Message">For people; of a scope, which one is needed.</param>
public sealed record BlobRefusal(BlobRefusalKind Kind, string Message)
{
    /// <summary>Bytes charged already; uploads under way; chunks received.</summary>
    public long Current { get; init; }

    /// <summary>What there may be; chunks in all.</summary>
    public long Limit { get; init; }

    /// <summary>Bytes that were wanted.</summary>
    public long Required { get; init; }

    /// <summary>Of bytes that are others than was said: their hash.</summary>
    public BlobHash Computed { get; init; }

    /// <summary>Of bytes that are others than was said: what was said.</summary>
    public BlobHash Expected { get; init; }
}

/// <summary>What was asked for, or why not.</summary>
public readonly record struct BlobAnswer<T>(T? Value, BlobRefusal? Refusal)
    where T : class
{
    public static implicit operator BlobAnswer<T>(T value) => new(value, null);

    public static implicit operator BlobAnswer<T>(BlobRefusal refusal) => new(null, refusal);
}

/// <summary>A blob that somebody may read.</summary>
/// <param name="MimeType">As the claim names it that lets him; as the first uploader named it, if no claim is needed.</param>
public sealed record ReadableBlob(BlobHash Hash, string MimeType);

/// <summary>How far an upload is.</summary>
public sealed record UploadProgress(BlobUpload Upload, int Received)
{
    public bool IsWhole => Received == Upload.Shape.ChunkCount;
}

/// <summary>Which chunks of an upload are there.</summary>
public sealed record UploadState(BlobUpload Upload, ChunksReceived Chunks);

/// <summary>What an upload has become.</summary>
/// <param name="Deduplicated">Whether its user had claimed these bytes before.</param>
public sealed record UploadedBlob(BlobHash Hash, long Size, string MimeType, bool Deduplicated);

/// <summary>A page of a user's claims, and what he may have.</summary>
public sealed record ClaimPage(BlobPage Page, long QuotaLimit);
