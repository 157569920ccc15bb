using System.Text.Json.Serialization;

namespace Ratatoskr.Http.Contracts;

/// <summary>A claim of a user or a document.</summary>
internal sealed record BlobClaimBody(string Hash, long Size, string MimeType, string ClaimedAt);

internal sealed record DocumentBlobClaimBody(string Hash, long Size, string MimeType, string DocumentId, string ClaimedAt);

/// <param name="Total">Of all pages.</param>
/// <param name="QuotaUsed">Bytes of the user's claims, those of his documents, and uploads under way.</param>
internal sealed record BlobListBody(IReadOnlyList<BlobClaimBody> Blobs, long Total, long QuotaUsed, long QuotaLimit);

/// <param name="Total">Of all pages.</param>
/// <param name="TotalSize">Bytes of all pages.</param>
internal sealed record DocumentBlobListBody(IReadOnlyList<BlobClaimBody> Blobs, long Total, long TotalSize);

internal sealed record UploadBody(string UploadId, int ChunkSize, int TotalChunks, string ExpiresAt);

/// <param name="Complete">All chunks are there: the upload can be completed.</param>
internal sealed record ChunkBody(int ChunksReceived, int TotalChunks, bool Complete);

/// <summary>How far an upload is, for whoever goes on with it.</summary>
/// <param name="Received">Chunks that are there, as pairs of the first and the last of a run.</param>
/// <param name="Complete">All chunks are there.</param>
/// <param name="Hash">Of an upload that was completed.</param>
internal sealed record UploadStateBody(
    string UploadId, long Size, string MimeType, int ChunkSize, int TotalChunks, int ChunksReceived, IReadOnlyList<int[]> Received, bool Complete, string? Hash, string ExpiresAt);

/// <param name="Deduplicated">The user had claimed these bytes before.</param>
internal sealed record UploadedBody(string Hash, long Size, string MimeType, bool Deduplicated);

internal sealed record BlobLinkBody(string Url, string ExpiresAt);

/// <summary>An error about blobs, with the figures of its code.</summary>
internal sealed record BlobErrorBody(string Error, string Message)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? MaxSize { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Quota { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Current { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Limit { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Required { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? ChunksReceived { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? TotalChunks { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ComputedHash { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ExpectedHash { get; init; }
}
