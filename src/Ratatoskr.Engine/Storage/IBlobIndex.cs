using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Storage;

/// <summary>
/// Truth about blobs: which there are, who has claimed them, what is being uploaded, and how much of everybody's room that takes. A blob lives while a user or a
/// document claims it. Its bytes are the <see cref="IBlobStore"/>'s.
/// </summary>
/// <remarks>Safe on any thread. Every write is one transaction, durable when it returns; limits are compared inside it, so that parallel writers cannot pass them together.</remarks>
public interface IBlobIndex
{
    // Uploads

    /// <summary>Registers an upload and reserves its bytes. Refused when claims, reservations and this are more than <see cref="UserQuotas.MaxBlobStorage"/>, or there are too many.</summary>
    ValueTask<RoomOutcome> BeginUploadAsync(BlobUpload upload, int uploadsMax, CancellationToken stop);

    ValueTask<BlobUpload?> FindUploadAsync(Guid id, CancellationToken stop);

    /// <summary>Those not completed, expired ones too.</summary>
    ValueTask<IReadOnlyList<Guid>> OpenUploadsAsync(CancellationToken stop);

    /// <summary>Makes an upload the user's claim and gives its reservation back; it stays until it expires, so that whoever asks again gets the same answer.</summary>
    /// <returns>The upload with <see cref="BlobUpload.Completed"/> set, also when it was before; null when it is not there.</returns>
    ValueTask<BlobUpload?> CompleteUploadAsync(Guid id, BlobHash hash, DateTimeOffset now, CancellationToken stop);

    /// <summary>Removes an upload and gives back what it had reserved.</summary>
    /// <returns>false: it was not there.</returns>
    ValueTask<bool> EndUploadAsync(Guid id, CancellationToken stop);

    /// <summary>Uploads that have expired, completed ones too.</summary>
    ValueTask<IReadOnlyList<Guid>> ExpiredUploadsAsync(DateTimeOffset now, int max, CancellationToken stop);

    // Blobs and claims

    /// <summary>What <see cref="AddAsync"/> would answer; nothing changes, and what is done meanwhile may change it.</summary>
    ValueTask<RoomOutcome> LookForRoomAsync(string userId, BlobHash hash, long size, CancellationToken stop);

    /// <summary>What a user has just uploaded in one go becomes his claim: registers the blob if there is none.</summary>
    ValueTask<RoomOutcome> AddAsync(string userId, BlobHash hash, long size, string mimeType, DateTimeOffset now, CancellationToken stop);

    ValueTask<BlobRecord?> FindAsync(BlobHash hash, CancellationToken stop);

    ValueTask<BlobClaim?> FindClaimAsync(string userId, BlobHash hash, CancellationToken stop);

    ValueTask<BlobClaim?> FindClaimAsync(DocumentId document, BlobHash hash, CancellationToken stop);

    /// <summary>Documents that claim a blob, in the order of their places in the store.</summary>
    /// <param name="after">The last row of the page before; 0 for the first page.</param>
    ValueTask<IReadOnlyList<BlobHolder>> HoldersAsync(BlobHash hash, long after, int max, CancellationToken stop);

    /// <param name="mimeType">As the claimer knows it.</param>
    ValueTask<RoomOutcome> ClaimAsync(string userId, BlobHash hash, string mimeType, DateTimeOffset now, CancellationToken stop);

    /// <summary>Charged to the document's owner.</summary>
    ValueTask<RoomOutcome> ClaimAsync(DocumentId document, BlobHash hash, string mimeType, DateTimeOffset now, CancellationToken stop);

    /// <returns>false: there was no such claim.</returns>
    ValueTask<bool> ReleaseAsync(string userId, BlobHash hash, DateTimeOffset now, CancellationToken stop);

    /// <inheritdoc cref="ReleaseAsync(string, BlobHash, DateTimeOffset, CancellationToken)"/>
    ValueTask<bool> ReleaseAsync(DocumentId document, BlobHash hash, DateTimeOffset now, CancellationToken stop);

    /// <summary>A user's own claims, newest first, with what all that is charged to him takes.</summary>
    ValueTask<BlobPage> ListAsync(string userId, int limit, int offset, CancellationToken stop);

    /// <summary>A document's claims, newest first.</summary>
    ValueTask<BlobPage> ListAsync(DocumentId document, int limit, int offset, CancellationToken stop);

    // Collection and check

    /// <summary>Blobs that nobody has claimed since then, those first that have waited longest.</summary>
    ValueTask<IReadOnlyList<BlobHash>> UnclaimedAsync(DateTimeOffset since, int max, CancellationToken stop);

    /// <summary>Forgets a blob whose bytes are to be deleted next.</summary>
    /// <returns>false: somebody has claimed it meanwhile, or it is not there.</returns>
    ValueTask<bool> ForgetAsync(BlobHash hash, DateTimeOffset since, CancellationToken stop);

    /// <summary>All blobs in the order of their hashes, page by page.</summary>
    ValueTask<IReadOnlyList<BlobRecord>> PageAsync(BlobHash? after, int max, CancellationToken stop);
}

/// <param name="MimeType">As the first uploader named it.</param>
public sealed record BlobRecord(BlobHash Hash, long Size, string MimeType, DateTimeOffset CreatedAt);

/// <param name="MimeType">As whoever claimed it named it.</param>
public sealed record BlobClaim(BlobHash Hash, long Size, string MimeType, DateTimeOffset ClaimedAt);

/// <summary>A document that claims a blob.</summary>
/// <param name="Row">Its place in the store: grows from page to page.</param>
public readonly record struct BlobHolder(DocumentId Document, string OwnerId, string MimeType, long Row);

/// <param name="Total">Of all pages.</param>
/// <param name="TotalSize">Bytes of all pages.</param>
/// <param name="QuotaUsed">Bytes of a user's own claims, those of his documents, and his reservations; 0 for a document's page.</param>
public sealed record BlobPage(IReadOnlyList<BlobClaim> Claims, long Total, long TotalSize, long QuotaUsed);

/// <summary>An upload in chunks.</summary>
public sealed record BlobUpload
{
    public required Guid Id { get; init; }

    public required string UserId { get; init; }

    public required long Size { get; init; }

    public required int ChunkSize { get; init; }

    public required string MimeType { get; init; }

    public BlobHash? ExpectedHash { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>From then on it is not there any more.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>What it has become; null while it is under way.</summary>
    public CompletedUpload? Completed { get; init; }

    public UploadShape Shape => new(Id, Size, ChunkSize);
}

/// <param name="Deduplicated">Whether the user had claimed these bytes before. That others have them is nobody's business.</param>
public sealed record CompletedUpload(BlobHash Hash, bool Deduplicated);

public enum RoomResult : byte
{
    Done,

    /// <summary>No such blob, document or user.</summary>
    NotFound,

    /// <summary>The claim is there already; nothing has changed.</summary>
    AlreadyClaimed,

    /// <summary><see cref="UserQuotas.MaxBlobSize"/>: <see cref="RoomOutcome.Limit"/>.</summary>
    TooLarge,

    /// <summary><see cref="UserQuotas.MaxBlobStorage"/>.</summary>
    QuotaExceeded,

    /// <summary>The user has as many uploads under way as he may: <see cref="RoomOutcome.Limit"/>.</summary>
    TooManyUploads,
}

/// <param name="Current">Bytes charged to the user now; uploads, for <see cref="RoomResult.TooManyUploads"/>.</param>
/// <param name="Limit">What was passed.</param>
/// <param name="Claim">As it is stored now; null if nothing was claimed. For <see cref="RoomResult.AlreadyClaimed"/> the one that is there.</param>
public readonly record struct RoomOutcome(RoomResult Result, long Current, long Limit, BlobClaim? Claim);
