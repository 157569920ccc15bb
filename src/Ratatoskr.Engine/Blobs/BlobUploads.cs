using System.IO.Pipelines;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Blobs;

/// <summary>What a user wants to upload.</summary>
/// <param name="ChunkSize">null: as we like it.</param>
public sealed record NewUpload(long Size, string MimeType, BlobHash? ExpectedHash, int? ChunkSize);

/// <summary>
/// Uploads, in chunks or in one go, until they are their user's claims. What others store shows in nothing: not in an answer, and the bytes are always taken, hashed and put.
/// </summary>
/// <remarks>
/// Safe on any thread; completing, giving up and sweeping one upload wait for each other. Once an upload is whole it is carried through even if its user goes away. The order of
/// a completion, and what a crash between its steps leaves, is in docs/adr/0013-blobs.md.
/// </remarks>
public sealed class BlobUploads
{
    public const int ChunkSizeMin = 1 << 10;
    public const int ChunkSizeMax = 10 << 20;

    /// <summary>Bytes of a blob that comes in one request; a chunk's.</summary>
    public const int SingleSizeMax = ChunkSizeMax;

    /// <summary>Chunks, and blobs in one request, that one user sends at a time. The stage takes some times as many of all users: none keeps the others out by sending slowly.</summary>
    public const int BodiesMax = 16;

    private const int ChunkSizeUsual = 5 << 20;
    private const string NotThere = "Upload session not found";

    private static readonly TimeSpan s_lifetime = TimeSpan.FromHours(24);

    private readonly BlobOptions _options;
    private readonly KeyedGate<BlobHash> _hashes;
    private readonly KeyedGate<Guid> _uploads = new();
    private readonly BodyCounts _bodies = new(BodiesMax);

    internal BlobUploads(BlobOptions options, KeyedGate<BlobHash> hashes) => (_options, _hashes) = (options, hashes);

    /// <summary>Begins an upload in chunks, and keeps room for it.</summary>
    public async ValueTask<BlobAnswer<BlobUpload>> BeginAsync(Principal principal, NewUpload wanted, CancellationToken stop)
    {
        if (BlobLibrary.MayNotWrite(principal) is { } scope) return Refuse(scope);
        if (wanted.Size < 1) return Refuse(BlobRefusalKind.Invalid, "size: a whole number of bytes, at least 1");
        if (wanted.ChunkSize is < ChunkSizeMin or > ChunkSizeMax) return Refuse(BlobRefusalKind.Invalid, $"chunkSize: {ChunkSizeMin} to {ChunkSizeMax} bytes");
        const long SizeMax = (long)ChunkSizeMax * UploadShape.ChunksMax;
        if (wanted.Size > SizeMax) return Refuse(new BlobRefusal(BlobRefusalKind.TooLarge, $"A blob may have {SizeMax} bytes at most") { Limit = SizeMax, Required = wanted.Size });
        long chunkSizeMin = (wanted.Size + UploadShape.ChunksMax - 1) / UploadShape.ChunksMax;
        if (wanted.ChunkSize < chunkSizeMin) return Refuse(BlobRefusalKind.Invalid, $"chunkSize: at least {chunkSizeMin} bytes, as there are {UploadShape.ChunksMax} chunks at most");

        DateTimeOffset now = _options.Time.GetUtcNow();
        BlobUpload upload = new()
        {
            Id = NewId(),
            UserId = principal.Id,
            Size = wanted.Size,
            ChunkSize = wanted.ChunkSize ?? (int)Math.Max(ChunkSizeUsual, chunkSizeMin),
            MimeType = wanted.MimeType,
            ExpectedHash = wanted.ExpectedHash,
            CreatedAt = now,
            ExpiresAt = now + s_lifetime,
        };
        RoomOutcome outcome = await _options.Index.BeginUploadAsync(upload, _options.UploadsMax, stop);
        if (outcome.Result == RoomResult.NotFound) return Refuse(BlobRefusalKind.Unauthorized, "Authentication required");
        if (BlobLibrary.NoRoom(outcome, wanted.Size) is { } full) return Refuse(full);
        _options.Metrics.Begun();
        return upload;
    }

    /// <summary>An upload that takes this chunk.</summary>
    public async ValueTask<BlobAnswer<BlobUpload>> FindAsync(Principal principal, Guid id, int index, CancellationToken stop)
    {
        BlobAnswer<BlobUpload> found = await FindAsync(principal, id, stop);
        if (found.Value is not { } upload) return found;
        if (upload.Completed is not null) return Refuse(BlobRefusalKind.Completed, "The upload is complete");
        return index >= 0 && index < upload.Shape.ChunkCount ? upload : Refuse(BlobRefusalKind.InvalidChunkIndex, $"Chunks are numbered from 0 to {upload.Shape.ChunkCount - 1}");
    }

    /// <param name="upload">As <see cref="FindAsync(Principal, Guid, int, CancellationToken)"/> gave it.</param>
    public async ValueTask<BlobAnswer<UploadProgress>> WriteChunkAsync(BlobUpload upload, int index, PipeReader body, CancellationToken stop)
    {
        using BodyCounts.Body? turn = _bodies.TryBegin(upload.UserId);
        if (turn is null) return Refuse(Busy);
        ChunkOutcome outcome = await _options.Stage.WriteChunkAsync(upload.Shape, index, body, stop);
        switch (outcome.Result)
        {
            case ChunkResult.Stored:
                _options.Metrics.Received(upload.Shape.LengthOf(index));
                return new UploadProgress(upload, outcome.Received);
            case ChunkResult.WrongSize:
                return WrongSize(upload, index);
            case ChunkResult.Busy:
                return Refuse(Busy);
            default:
                return Unknown();
        }
    }

    /// <summary>What is answered to a chunk of another size than it must have.</summary>
    public BlobRefusal WrongSize(BlobUpload upload, int index) => Refuse(BlobRefusalKind.InvalidChunkSize, $"Chunk {index} has {upload.Shape.LengthOf(index)} bytes");

    /// <summary>What is answered to who names no upload.</summary>
    public BlobRefusal Unknown() => Refuse(new BlobRefusal(BlobRefusalKind.NotFound, NotThere));

    /// <summary>Which chunks are there: all of a completed one.</summary>
    public async ValueTask<BlobAnswer<UploadState>> StateAsync(Principal principal, Guid id, CancellationToken stop)
    {
        BlobAnswer<BlobUpload> found = await FindAsync(principal, id, stop);
        if (found.Value is not { } upload) return found.Refusal!;
        if (upload.Completed is null) return new UploadState(upload, await _options.Stage.ReceivedAsync(upload.Shape, stop));
        int count = upload.Shape.ChunkCount;
        return new UploadState(upload, new ChunksReceived(count, [.. Enumerable.Repeat(true, count)]));
    }

    /// <summary>Makes a whole upload its user's claim. Doing it twice gives the same answer.</summary>
    public async ValueTask<BlobAnswer<UploadedBlob>> CompleteAsync(Principal principal, Guid id, CancellationToken stop)
    {
        using KeyedGate<Guid>.Turn alone = await _uploads.EnterAsync(id, stop);
        BlobAnswer<BlobUpload> found = await FindAsync(principal, id, stop);
        if (found.Value is not { } upload) return found.Refusal!;
        if (upload.Completed is { } before) return Uploaded(upload, before);
        if (await _options.Stage.SealAsync(upload.Shape, stop) is not { } staged)
        {
            ChunksReceived chunks = await _options.Stage.ReceivedAsync(upload.Shape, stop);
            return Refuse(new BlobRefusal(BlobRefusalKind.Incomplete, "Chunks are missing") { Current = chunks.Count, Limit = upload.Shape.ChunkCount });
        }

        // The chunks stay: nobody knows which is wrong, and one that comes again replaces what differs.
        if (upload.ExpectedHash is { } expected && expected != staged.Hash) return Refuse(Mismatch(staged.Hash, expected));

        BlobUpload? completed;
        using (KeyedGate<BlobHash>.Turn turn = await _hashes.EnterAsync(staged.Hash, stop))
        {
            await _options.Store.PutAsync(staged, CancellationToken.None);
            completed = await _options.Index.CompleteUploadAsync(id, staged.Hash, _options.Time.GetUtcNow(), CancellationToken.None);
            if (completed is null) await DeleteIfUnknownAsync(staged.Hash);
        }

        await DiscardAsync(id);
        if (completed is null) return Unknown();
        _options.Metrics.Ended();
        _options.Metrics.Stored();
        return Uploaded(completed, completed.Completed!);
    }

    /// <summary>Gives an upload up. One that is complete is forgotten, and its blob stays.</summary>
    /// <returns>null when it is done.</returns>
    public async ValueTask<BlobRefusal?> AbortAsync(Principal principal, Guid id, CancellationToken stop)
    {
        using KeyedGate<Guid>.Turn alone = await _uploads.EnterAsync(id, stop);
        BlobAnswer<BlobUpload> found = await FindAsync(principal, id, mayHaveExpired: true, stop);
        if (found.Value is not { } upload) return found.Refusal;
        await EndAsync(upload.Id, upload.Completed is null);
        return null;
    }

    /// <summary>Takes a small blob in one go and makes it its user's claim.</summary>
    /// <param name="length">Bytes that are to come; null: unknown.</param>
    public async ValueTask<BlobAnswer<UploadedBlob>> TakeAsync(Principal principal, string mimeType, BlobHash? expectedHash, long? length, PipeReader body, CancellationToken stop)
    {
        if (BlobLibrary.MayNotWrite(principal) is { } scope) return Refuse(scope);
        bool isThere = SmallBody.IsThere(body, SmallBody.LengthMax);
        using BodyCounts.Body? turn = isThere ? null : _bodies.TryBegin(principal.Id);
        if (turn is null && !isThere) return Refuse(Busy);
        TakeOutcome taken = await _options.Stage.TakeAsync(length, SingleSizeMax, body, stop);
        if (taken.Result == TakeResult.Busy) return Refuse(Busy);
        if (taken.Blob is not { } staged) return Refuse(BlobRefusalKind.Invalid, $"the body: 1 to {SingleSizeMax} bytes");
        _options.Metrics.Received(staged.Length);
        if (expectedHash is { } expected && expected != staged.Hash)
        {
            await DiscardAsync(staged.Id);
            return Refuse(Mismatch(staged.Hash, expected));
        }

        RoomOutcome outcome = await LookForRoomAsync(principal.Id, staged);
        if (outcome.Result is RoomResult.Done or RoomResult.AlreadyClaimed) outcome = await AddAsync(principal.Id, mimeType, staged);
        else await DiscardAsync(staged.Id);
        if (outcome.Result == RoomResult.NotFound) return Refuse(BlobRefusalKind.Unauthorized, "Authentication required");
        if (BlobLibrary.NoRoom(outcome, staged.Length) is { } full) return Refuse(full);
        _options.Metrics.Stored();
        return new UploadedBlob(staged.Hash, staged.Length, outcome.Claim?.MimeType ?? mimeType, outcome.Result == RoomResult.AlreadyClaimed);
    }

    /// <summary>Mends what a stop in the middle of something has left. Before anything is served.</summary>
    public async ValueTask RecoverAsync(CancellationToken stop)
    {
        HashSet<Guid> open = [.. await _options.Index.OpenUploadsAsync(stop)];
        _options.Metrics.Begun(open.Count);
        foreach (StagedBlob staged in await _options.Stage.RecoverAsync(open, stop))
        {
            try
            {
                // Claimed before the stop, or by somebody else: its bytes must be there. Else they may be, and are nobody's.
                if (await _options.Index.FindAsync(staged.Hash, stop) is not null) await _options.Store.PutAsync(staged, stop);
                else await _options.Store.DeleteAsync(staged.Hash, stop);

                // An upload that goes on needs it once more.
                if (!open.Contains(staged.Id)) await _options.Stage.DiscardAsync(staged.Id, stop);
            }
            catch (StorageException e)
            {
                _options.Log.NotRecovered(staged.Hash, e);
            }
        }
    }

    /// <summary>Removes uploads whose time is over.</summary>
    /// <returns>How many: whether there may be more.</returns>
    public async ValueTask<int> SweepAsync(int max, CancellationToken stop)
    {
        IReadOnlyList<Guid> expired = await _options.Index.ExpiredUploadsAsync(_options.Time.GetUtcNow(), max, stop);
        foreach (Guid id in expired)
        {
            using KeyedGate<Guid>.Turn alone = await _uploads.EnterAsync(id, stop);
            if (await _options.Index.FindUploadAsync(id, stop) is { } upload) await EndAsync(id, upload.Completed is null);
        }

        return expired.Count;
    }

    private ValueTask<BlobAnswer<BlobUpload>> FindAsync(Principal principal, Guid id, CancellationToken stop) => FindAsync(principal, id, mayHaveExpired: false, stop);

    private async ValueTask<BlobAnswer<BlobUpload>> FindAsync(Principal principal, Guid id, bool mayHaveExpired, CancellationToken stop)
    {
        if (BlobLibrary.MayNotWrite(principal) is { } scope) return Refuse(scope);
        if (await _options.Index.FindUploadAsync(id, stop) is not { } upload) return Unknown();
        if (upload.UserId != principal.Id) return Refuse(BlobRefusalKind.Forbidden, "The upload is another user's");
        return mayHaveExpired || upload.ExpiresAt > _options.Time.GetUtcNow() ? upload : Refuse(BlobRefusalKind.Expired, "The upload has expired");
    }

    // Before the store hears of it: how long it takes to put what there is no room for, and to remove it again, tells whether others have it.
    private async ValueTask<RoomOutcome> LookForRoomAsync(string userId, StagedBlob staged)
    {
        try
        {
            return await _options.Index.LookForRoomAsync(userId, staged.Hash, staged.Length, CancellationToken.None);
        }
        catch (StorageException)
        {
            await DiscardAsync(staged.Id);
            throw;
        }
    }

    // Nobody comes back for a blob that came in one go: whatever happens, nothing of it stays that is not claimed.
    private async ValueTask<RoomOutcome> AddAsync(string userId, string mimeType, StagedBlob staged)
    {
        using KeyedGate<BlobHash>.Turn alone = await _hashes.EnterAsync(staged.Hash, CancellationToken.None);
        try
        {
            await _options.Store.PutAsync(staged, CancellationToken.None);
            RoomOutcome outcome = await _options.Index.AddAsync(userId, staged.Hash, staged.Length, mimeType, _options.Time.GetUtcNow(), CancellationToken.None);
            if (outcome.Result is not (RoomResult.Done or RoomResult.AlreadyClaimed)) await DeleteIfUnknownAsync(staged.Hash);
            await DiscardAsync(staged.Id);
            return outcome;
        }
        catch (StorageException)
        {
            await ForgetAsync(staged);
            throw;
        }
    }

    // If this fails too, what lies on the stage says so to the next start.
    private async ValueTask ForgetAsync(StagedBlob staged)
    {
        try
        {
            await DeleteIfUnknownAsync(staged.Hash);
            await _options.Stage.DiscardAsync(staged.Id, CancellationToken.None);
        }
        catch (StorageException e)
        {
            _options.Log.NotDiscarded(staged.Id, e);
        }
    }

    // The index first: what is left on the stage without it goes with the next start.
    private async ValueTask EndAsync(Guid id, bool isOpen)
    {
        if (await _options.Index.EndUploadAsync(id, CancellationToken.None) && isOpen) _options.Metrics.Ended();
        await DiscardAsync(id);
    }

    // What has been decided by now does not depend on it.
    private async ValueTask DiscardAsync(Guid id)
    {
        try
        {
            await _options.Stage.DiscardAsync(id, CancellationToken.None);
        }
        catch (StorageException e)
        {
            _options.Log.NotDiscarded(id, e);
        }
    }

    private async ValueTask DeleteIfUnknownAsync(BlobHash hash)
    {
        if (await _options.Index.FindAsync(hash, CancellationToken.None) is null) await _options.Store.DeleteAsync(hash, CancellationToken.None);
    }

    private Guid NewId()
    {
        Span<byte> random = stackalloc byte[16];
        _options.FillRandom(random);
        random[6] = (byte)((random[6] & 0x0F) | 0x40);       // RFC 9562: version 4, variant 10
        random[8] = (byte)((random[8] & 0x3F) | 0x80);
        return new Guid(random, bigEndian: true);
    }

    private static UploadedBlob Uploaded(BlobUpload upload, CompletedUpload completed) => new(completed.Hash, upload.Size, upload.MimeType, completed.Deduplicated);

    private static BlobRefusal Mismatch(BlobHash computed, BlobHash expected) =>
        new(BlobRefusalKind.HashMismatch, "The bytes have another hash than was said") { Computed = computed, Expected = expected };

    private static BlobRefusal Busy => new(BlobRefusalKind.Busy, "Too much is being sent at the moment");

    private BlobRefusal Refuse(BlobRefusalKind kind, string message) => Refuse(new BlobRefusal(kind, message));

    private BlobRefusal Refuse(BlobRefusal refusal)
    {
        _options.Metrics.Refused(refusal.Kind);
        return refusal;
    }
}
