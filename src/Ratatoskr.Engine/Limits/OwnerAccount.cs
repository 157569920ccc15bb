using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Limits;

/// <summary>What one owner's documents take, all shards together, and how much they may. Made by <see cref="QuotaLedger"/>.</summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class OwnerAccount
{
    private readonly QuotaLedger _ledger;
    private readonly Dictionary<DocumentId, long> _charged = new(DocumentId.Comparer.Instance);   // of documents that were in memory; the ledger's lock
    private volatile UserQuotas _limits = new(0, 0, 0, 0, 0);
    private long _storageBytes;
    private int _attached;

    internal OwnerAccount(QuotaLedger ledger, string ownerId, long storageBytes)
    {
        _ledger = ledger;
        OwnerId = ownerId;
        _storageBytes = storageBytes;
    }

    public string OwnerId { get; }

    public UserQuotas Limits
    {
        get => _limits;
        internal set => _limits = value;
    }

    /// <summary>What is stored, and what was promised to writers.</summary>
    public long StorageBytes => Math.Max(0, Volatile.Read(ref _storageBytes));

    /// <summary>Sizes that are not in the store yet; the ledger's, under its lock.</summary>
    internal int Pending { get; set; }

    /// <summary>Documents in memory are charged to it.</summary>
    internal bool IsInUse => _attached > 0;

    /// <summary>The table has let it go: nothing must be charged to it any more.</summary>
    internal bool IsForgotten { get; set; }

    /// <summary>Promises bytes to a writer. Two who want the last of them cannot both have them.</summary>
    internal bool TryReserve(long bytes)
    {
        while (true)
        {
            long now = Volatile.Read(ref _storageBytes);
            if (bytes > 0 && now + bytes > _limits.MaxTotalStorage) return false;
            if (Interlocked.CompareExchange(ref _storageBytes, now + bytes, now) == now) return true;
        }
    }

    /// <summary>What came to be known after the fact: a promise not kept, a compaction, a document read back.</summary>
    internal void Change(long bytes) => Interlocked.Add(ref _storageBytes, bytes);

    /// <summary>A document is in memory now.</summary>
    /// <param name="recorded">What its record said, which counts unless the account knows better.</param>
    /// <param name="charged">How much of the account's bytes are the document's.</param>
    /// <returns>false: the account was let go meanwhile.</returns>
    internal bool TryAttach(DocumentId id, long recorded, out long charged)
    {
        lock (_ledger.Gate)
        {
            charged = 0;
            if (IsForgotten) return false;
            if (!_charged.TryGetValue(id, out charged)) _charged.Add(id, charged = recorded);
            _attached++;
            return true;
        }
    }

    /// <summary>A document has left memory.</summary>
    internal void Detach(DocumentId id, long charged)
    {
        lock (_ledger.Gate)
        {
            _attached--;
            _charged[id] = charged;
        }
    }

    /// <summary>A document in memory was deleted.</summary>
    internal void DetachDeleted(DocumentId id, long charged)
    {
        lock (_ledger.Gate)
        {
            _attached--;
            _charged.Remove(id);
            _ledger.ForgetChange(id);
        }

        Change(-charged);
    }

    /// <summary>A document that was not in memory was deleted. Under the ledger's lock.</summary>
    internal void Forget(DocumentId id, long recorded) => Change(-(_charged.Remove(id, out long charged) ? charged : recorded));
}
