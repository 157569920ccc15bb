using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace SharedTests.Blobs;

/// <summary>The index of blobs in memory, by counting everything anew each time: what a real one is compared with, and an index for tests of what stands upon it.</summary>
/// <remarks>Safe on any thread. Times are kept to the millisecond, as everywhere.</remarks>
internal sealed class NaiveBlobIndex : IBlobIndex
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, UserQuotas> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<DocumentId, (string Owner, long Row)> _documents = new(DocumentId.Comparer.Instance);
    private readonly Dictionary<BlobHash, BlobRecord> _blobs = [];
    private readonly Dictionary<BlobHash, DateTimeOffset> _released = [];
    private readonly Dictionary<(string User, BlobHash Hash), BlobClaim> _userClaims = [];
    private readonly Dictionary<(long Row, BlobHash Hash), BlobClaim> _documentClaims = [];
    private readonly Dictionary<Guid, BlobUpload> _uploads = [];

    // What accounts know

    public void AddUser(string userId, long maxBlobStorage, long maxBlobSize)
    {
        lock (_gate) _users[userId] = new UserQuotas(0, 0, 0, maxBlobStorage, maxBlobSize);
    }

    /// <param name="row">Its place in the store.</param>
    public void AddDocument(DocumentId id, string owner, long row)
    {
        lock (_gate) _documents[id] = (owner, row);
    }

    public void RemoveDocument(DocumentId id, DateTimeOffset now)
    {
        lock (_gate)
        {
            if (!_documents.Remove(id, out (string Owner, long Row) document)) return;
            foreach ((long Row, BlobHash Hash) claim in _documentClaims.Keys.Where(c => c.Row == document.Row).ToList())
            {
                _documentClaims.Remove(claim);
                Released(claim.Hash, now);
            }
        }
    }

    /// <summary>Bytes charged to a user.</summary>
    public long Used(string userId)
    {
        lock (_gate)
        {
            return Own(userId).Sum(c => c.Size)
                + _documents.Values.Where(d => d.Owner == userId).Sum(d => Own(d.Row).Sum(c => c.Size))
                + Open(userId).Sum(u => u.Size);
        }
    }

    /// <summary>When the last claim of each blob without one went.</summary>
    public IReadOnlyDictionary<BlobHash, DateTimeOffset> Released()
    {
        lock (_gate) return new Dictionary<BlobHash, DateTimeOffset>(_released);
    }

    // Uploads

    public ValueTask<RoomOutcome> BeginUploadAsync(BlobUpload upload, int uploadsMax, CancellationToken stop)
    {
        lock (_gate)
        {
            if (!_users.TryGetValue(upload.UserId, out UserQuotas? quotas)) return new(NotFound);
            long used = Used(upload.UserId), open = Open(upload.UserId).Count();
            if (upload.Size > quotas.MaxBlobSize) return new(new RoomOutcome(RoomResult.TooLarge, used, quotas.MaxBlobSize, null));
            if (open >= uploadsMax) return new(new RoomOutcome(RoomResult.TooManyUploads, open, uploadsMax, null));
            if (used + upload.Size > quotas.MaxBlobStorage) return new(new RoomOutcome(RoomResult.QuotaExceeded, used, quotas.MaxBlobStorage, null));
            _uploads.Add(upload.Id, upload with { CreatedAt = Round(upload.CreatedAt), ExpiresAt = Round(upload.ExpiresAt) });
            return new(new RoomOutcome(RoomResult.Done, used + upload.Size, quotas.MaxBlobStorage, null));
        }
    }

    public ValueTask<BlobUpload?> FindUploadAsync(Guid id, CancellationToken stop)
    {
        lock (_gate) return new(_uploads.GetValueOrDefault(id));
    }

    public ValueTask<IReadOnlyList<Guid>> OpenUploadsAsync(CancellationToken stop)
    {
        lock (_gate) return new([.. _uploads.Values.Where(u => u.Completed is null).Select(u => u.Id)]);
    }

    public ValueTask<BlobUpload?> CompleteUploadAsync(Guid id, BlobHash hash, DateTimeOffset now, CancellationToken stop)
    {
        lock (_gate)
        {
            if (_uploads.GetValueOrDefault(id) is not { Completed: null } upload) return new(_uploads.GetValueOrDefault(id));
            bool deduplicated = _userClaims.ContainsKey((upload.UserId, hash));
            if (!deduplicated) Add(upload.UserId, new BlobRecord(hash, upload.Size, upload.MimeType, now));
            return new(_uploads[id] = upload with { Completed = new CompletedUpload(hash, deduplicated) });
        }
    }

    public ValueTask<bool> EndUploadAsync(Guid id, CancellationToken stop)
    {
        lock (_gate) return new(_uploads.Remove(id));
    }

    public ValueTask<IReadOnlyList<Guid>> ExpiredUploadsAsync(DateTimeOffset now, int max, CancellationToken stop)
    {
        lock (_gate) return new([.. _uploads.Values.Where(u => u.ExpiresAt <= now).OrderBy(u => u.ExpiresAt).Take(max).Select(u => u.Id)]);
    }

    // Blobs and claims

    public ValueTask<RoomOutcome> LookForRoomAsync(string userId, BlobHash hash, long size, CancellationToken stop)
    {
        lock (_gate)
        {
            if (!_users.TryGetValue(userId, out UserQuotas? quotas)) return new(NotFound);
            long used = Used(userId);
            if (_userClaims.TryGetValue((userId, hash), out BlobClaim? there)) return new(new RoomOutcome(RoomResult.AlreadyClaimed, used, quotas.MaxBlobStorage, there));
            if (size > quotas.MaxBlobSize) return new(new RoomOutcome(RoomResult.TooLarge, used, quotas.MaxBlobSize, null));
            return new(used + size > quotas.MaxBlobStorage
                ? new RoomOutcome(RoomResult.QuotaExceeded, used, quotas.MaxBlobStorage, null)
                : new RoomOutcome(RoomResult.Done, used + size, quotas.MaxBlobStorage, null));
        }
    }

    public ValueTask<RoomOutcome> AddAsync(string userId, BlobHash hash, long size, string mimeType, DateTimeOffset now, CancellationToken stop)
    {
        lock (_gate)
        {
            if (!_users.TryGetValue(userId, out UserQuotas? quotas)) return new(NotFound);
            long used = Used(userId);
            if (_userClaims.TryGetValue((userId, hash), out BlobClaim? there)) return new(new RoomOutcome(RoomResult.AlreadyClaimed, used, quotas.MaxBlobStorage, there));
            if (size > quotas.MaxBlobSize) return new(new RoomOutcome(RoomResult.TooLarge, used, quotas.MaxBlobSize, null));
            if (used + size > quotas.MaxBlobStorage) return new(new RoomOutcome(RoomResult.QuotaExceeded, used, quotas.MaxBlobStorage, null));
            BlobClaim claim = Add(userId, new BlobRecord(hash, size, mimeType, now));
            return new(new RoomOutcome(RoomResult.Done, used + size, quotas.MaxBlobStorage, claim));
        }
    }

    public ValueTask<BlobRecord?> FindAsync(BlobHash hash, CancellationToken stop)
    {
        lock (_gate) return new(_blobs.GetValueOrDefault(hash));
    }

    public ValueTask<BlobClaim?> FindClaimAsync(string userId, BlobHash hash, CancellationToken stop)
    {
        lock (_gate) return new(_userClaims.GetValueOrDefault((userId, hash)));
    }

    public ValueTask<BlobClaim?> FindClaimAsync(DocumentId document, BlobHash hash, CancellationToken stop)
    {
        lock (_gate) return new(_documents.TryGetValue(document, out (string Owner, long Row) found) ? _documentClaims.GetValueOrDefault((found.Row, hash)) : null);
    }

    public ValueTask<IReadOnlyList<BlobHolder>> HoldersAsync(BlobHash hash, long after, int max, CancellationToken stop)
    {
        lock (_gate)
        {
            return new([.. _documents.Where(d => d.Value.Row > after && _documentClaims.ContainsKey((d.Value.Row, hash))).OrderBy(d => d.Value.Row).Take(max)
                .Select(d => new BlobHolder(d.Key, d.Value.Owner, _documentClaims[(d.Value.Row, hash)].MimeType, d.Value.Row))]);
        }
    }

    public ValueTask<RoomOutcome> ClaimAsync(string userId, BlobHash hash, string mimeType, DateTimeOffset now, CancellationToken stop)
    {
        lock (_gate) return new(Claim(userId, _userClaims, (userId, hash), hash, mimeType, now));
    }

    public ValueTask<RoomOutcome> ClaimAsync(DocumentId document, BlobHash hash, string mimeType, DateTimeOffset now, CancellationToken stop)
    {
        lock (_gate)
        {
            return new(_documents.TryGetValue(document, out (string Owner, long Row) found) ? Claim(found.Owner, _documentClaims, (found.Row, hash), hash, mimeType, now) : NotFound);
        }
    }

    public ValueTask<bool> ReleaseAsync(string userId, BlobHash hash, DateTimeOffset now, CancellationToken stop)
    {
        lock (_gate) return new(_userClaims.Remove((userId, hash)) && Released(hash, now));
    }

    public ValueTask<bool> ReleaseAsync(DocumentId document, BlobHash hash, DateTimeOffset now, CancellationToken stop)
    {
        lock (_gate) return new(_documents.TryGetValue(document, out (string Owner, long Row) found) && _documentClaims.Remove((found.Row, hash)) && Released(hash, now));
    }

    public ValueTask<BlobPage> ListAsync(string userId, int limit, int offset, CancellationToken stop)
    {
        lock (_gate) return new(Page(Own(userId), limit, offset, Used(userId)));
    }

    public ValueTask<BlobPage> ListAsync(DocumentId document, int limit, int offset, CancellationToken stop)
    {
        lock (_gate) return new(_documents.TryGetValue(document, out (string Owner, long Row) found) ? Page(Own(found.Row), limit, offset, 0) : new BlobPage([], 0, 0, 0));
    }

    // Collection and check

    public ValueTask<IReadOnlyList<BlobHash>> UnclaimedAsync(DateTimeOffset since, int max, CancellationToken stop)
    {
        lock (_gate) return new([.. _released.Where(r => r.Value <= since).OrderBy(r => r.Value).Take(max).Select(r => r.Key)]);
    }

    public ValueTask<bool> ForgetAsync(BlobHash hash, DateTimeOffset since, CancellationToken stop)
    {
        lock (_gate)
        {
            if (!_released.TryGetValue(hash, out DateTimeOffset at) || at > since) return new(false);
            _released.Remove(hash);
            return new(_blobs.Remove(hash));
        }
    }

    public ValueTask<IReadOnlyList<BlobRecord>> PageAsync(BlobHash? after, int max, CancellationToken stop)
    {
        lock (_gate)
        {
            return new([.. _blobs.Values.OrderBy(b => b.Hash.ToString(), StringComparer.Ordinal)
                .Where(b => after is not { } hash || string.CompareOrdinal(b.Hash.ToString(), hash.ToString()) > 0).Take(max)]);
        }
    }

    private static RoomOutcome NotFound => new(RoomResult.NotFound, 0, 0, null);

    private static DateTimeOffset Round(DateTimeOffset time) => DateTimeOffset.FromUnixTimeMilliseconds(time.ToUnixTimeMilliseconds());

    private static BlobPage Page(IEnumerable<BlobClaim> claims, int limit, int offset, long used)
    {
        List<BlobClaim> all = [.. claims.OrderByDescending(c => c.ClaimedAt).ThenByDescending(c => c.Hash.ToString(), StringComparer.Ordinal)];
        return new BlobPage([.. all.Skip(offset).Take(limit)], all.Count, all.Sum(c => c.Size), used);
    }

    private IEnumerable<BlobClaim> Own(string userId) => _userClaims.Where(c => c.Key.User == userId).Select(c => c.Value);

    private IEnumerable<BlobClaim> Own(long row) => _documentClaims.Where(c => c.Key.Row == row).Select(c => c.Value);

    private IEnumerable<BlobUpload> Open(string userId) => _uploads.Values.Where(u => u.UserId == userId && u.Completed is null);

    private BlobClaim Add(string userId, BlobRecord blob)
    {
        _blobs.TryAdd(blob.Hash, blob with { CreatedAt = Round(blob.CreatedAt) });
        _released.Remove(blob.Hash);
        return _userClaims[(userId, blob.Hash)] = new BlobClaim(blob.Hash, blob.Size, blob.MimeType, Round(blob.CreatedAt));
    }

    private RoomOutcome Claim<TKey>(string payer, Dictionary<TKey, BlobClaim> claims, TKey key, BlobHash hash, string mimeType, DateTimeOffset now)
        where TKey : notnull
    {
        if (!_blobs.TryGetValue(hash, out BlobRecord? blob) || !_users.TryGetValue(payer, out UserQuotas? quotas)) return NotFound;
        long used = Used(payer);
        if (claims.TryGetValue(key, out BlobClaim? there)) return new RoomOutcome(RoomResult.AlreadyClaimed, used, quotas.MaxBlobStorage, there);
        if (used + blob.Size > quotas.MaxBlobStorage) return new RoomOutcome(RoomResult.QuotaExceeded, used, quotas.MaxBlobStorage, null);
        claims[key] = new BlobClaim(hash, blob.Size, mimeType, Round(now));
        _released.Remove(hash);
        return new RoomOutcome(RoomResult.Done, used + blob.Size, quotas.MaxBlobStorage, claims[key]);
    }

    private bool Released(BlobHash hash, DateTimeOffset now)
    {
        if (!_userClaims.Keys.Any(c => c.Hash == hash) && !_documentClaims.Keys.Any(c => c.Hash == hash)) _released[hash] = Round(now);
        return true;
    }
}
