using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite.Calls;
using Ratatoskr.Storage.Sqlite.Tables;

namespace Ratatoskr.Storage.Sqlite;

/// <summary>Blobs, claims and uploads as tables of the accounts' database, over its threads: completing a thousand small uploads costs some dozen commits.</summary>
/// <remarks>Safe on any thread. <see cref="SqliteAccountStore"/> has it and closes what it stands on.</remarks>
internal sealed class SqliteBlobIndex(UserQuotas defaults, CallQueue writes, CallQueue reads, CallQueue lists) : IBlobIndex
{
    // Uploads

    public ValueTask<RoomOutcome> BeginUploadAsync(BlobUpload upload, int uploadsMax, CancellationToken stop)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(upload.Size, 1, nameof(upload));
        if (upload.Completed is not null) throw new ArgumentException("an upload does not begin completed", nameof(upload));
        return writes.Add(c => BlobUploads.Begin(c, upload, uploadsMax, defaults), stop);
    }

    public ValueTask<BlobUpload?> FindUploadAsync(Guid id, CancellationToken stop) => reads.Add(c => BlobUploads.Find(c, id), stop);

    public async ValueTask<IReadOnlyList<Guid>> OpenUploadsAsync(CancellationToken stop) => await lists.Add(BlobUploads.Open, stop).ConfigureAwait(false);

    public ValueTask<BlobUpload?> CompleteUploadAsync(Guid id, BlobHash hash, DateTimeOffset now, CancellationToken stop) =>
        writes.Add(c => BlobUploads.Complete(c, id, hash, now), stop);

    public ValueTask<bool> EndUploadAsync(Guid id, CancellationToken stop) => writes.Add(c => BlobUploads.End(c, id), stop);

    public async ValueTask<IReadOnlyList<Guid>> ExpiredUploadsAsync(DateTimeOffset now, int max, CancellationToken stop) =>
        await lists.Add(c => BlobUploads.Expired(c, now, max), stop).ConfigureAwait(false);

    // Blobs and claims

    public ValueTask<RoomOutcome> LookForRoomAsync(string userId, BlobHash hash, long size, CancellationToken stop) =>
        reads.Add(c => BlobClaims.LookForRoom(c, userId, hash, size, defaults), stop);

    public ValueTask<RoomOutcome> AddAsync(string userId, BlobHash hash, long size, string mimeType, DateTimeOffset now, CancellationToken stop)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        return writes.Add(c => BlobClaims.AddNew(c, userId, new BlobRecord(hash, size, mimeType, now), defaults), stop);
    }

    public ValueTask<BlobRecord?> FindAsync(BlobHash hash, CancellationToken stop) => reads.Add(c => BlobRows.Find(c, hash), stop);

    public ValueTask<BlobClaim?> FindClaimAsync(string userId, BlobHash hash, CancellationToken stop) => reads.Add(c => BlobClaims.Find(c, userId, hash), stop);

    public ValueTask<BlobClaim?> FindClaimAsync(DocumentId document, BlobHash hash, CancellationToken stop) => reads.Add(c => BlobClaims.Find(c, document, hash), stop);

    public async ValueTask<IReadOnlyList<BlobHolder>> HoldersAsync(BlobHash hash, long after, int max, CancellationToken stop) =>
        await lists.Add(c => BlobClaims.Holders(c, hash, after, max), stop).ConfigureAwait(false);

    public ValueTask<RoomOutcome> ClaimAsync(string userId, BlobHash hash, string mimeType, DateTimeOffset now, CancellationToken stop) =>
        writes.Add(c => BlobClaims.Claim(c, userId, hash, mimeType, now, defaults), stop);

    public ValueTask<RoomOutcome> ClaimAsync(DocumentId document, BlobHash hash, string mimeType, DateTimeOffset now, CancellationToken stop) =>
        writes.Add(c => BlobClaims.Claim(c, document, hash, mimeType, now, defaults), stop);

    public ValueTask<bool> ReleaseAsync(string userId, BlobHash hash, DateTimeOffset now, CancellationToken stop) =>
        writes.Add(c => BlobClaims.Release(c, userId, hash, now), stop);

    public ValueTask<bool> ReleaseAsync(DocumentId document, BlobHash hash, DateTimeOffset now, CancellationToken stop) =>
        writes.Add(c => BlobClaims.Release(c, document, hash, now), stop);

    public ValueTask<BlobPage> ListAsync(string userId, int limit, int offset, CancellationToken stop)
    {
        CheckPage(limit, offset);
        return lists.Add(c => BlobClaims.List(c, userId, limit, offset), stop);
    }

    public ValueTask<BlobPage> ListAsync(DocumentId document, int limit, int offset, CancellationToken stop)
    {
        CheckPage(limit, offset);
        return lists.Add(c => BlobClaims.List(c, document, limit, offset), stop);
    }

    // Collection and check

    public async ValueTask<IReadOnlyList<BlobHash>> UnclaimedAsync(DateTimeOffset since, int max, CancellationToken stop) =>
        await lists.Add(c => BlobRows.Unclaimed(c, since, max), stop).ConfigureAwait(false);

    public ValueTask<bool> ForgetAsync(BlobHash hash, DateTimeOffset since, CancellationToken stop) => writes.Add(c => BlobRows.Forget(c, hash, since), stop);

    public async ValueTask<IReadOnlyList<BlobRecord>> PageAsync(BlobHash? after, int max, CancellationToken stop) =>
        await lists.Add(c => BlobRows.Page(c, after, max), stop).ConfigureAwait(false);

    // SQLite takes a negative limit for none.
    private static void CheckPage(int limit, int offset)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
    }
}
