using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Documents;

/// <summary>Which quota something would exceed.</summary>
/// <param name="Name">As the API names it.</param>
/// <param name="Missing">Bytes beyond the limit.</param>
internal readonly record struct QuotaShortage(string Name, string Message, long Current, long Limit, long Missing);

/// <summary>
/// What a document takes of its owner's account. Bytes are charged before they are taken, and set right when it is known what has come of them:
/// the snapshot and the tail since, as they are stored.
/// </summary>
/// <remarks>Owned by the document. Where nobody counts there is no account, and nothing happens here.</remarks>
internal sealed class DocumentQuota(DocumentActor document, Shard shard)
{
    private OwnerAccount? _account;
    private long _charged;
    private long _reported;

    /// <summary>Charges the document to the account that a decision names.</summary>
    /// <returns>false: the account is out of use; decide again.</returns>
    public bool TryAttach(in AccessDecision decision)
    {
        if (decision.Account is not { } account || account == _account) return true;
        if (!account.TryAttach(document.Id, decision.RecordedBytes, out long charged)) return false;
        Detach();
        _account = account;
        _charged = charged;
        _reported = decision.RecordedBytes;
        Settle();
        if (document.Content is not null) Report(shard.Now);      // a process that died may not have told
        return true;
    }

    /// <summary>The document leaves memory.</summary>
    public void Detach()
    {
        _account?.Detach(document.Id, _charged);
        _account = null;
    }

    /// <summary>The document was deleted.</summary>
    public void Deleted(Deletion deletion)
    {
        if (_account is not null) _account.DetachDeleted(document.Id, _charged);
        else if (deletion.OwnerId.Length > 0) shard.Context.Ledger?.Deleted(deletion.OwnerId, document.Id, deletion.RecordedBytes);
        _account = null;
    }

    /// <summary>Charges what is about to be taken; <see cref="Settle"/> gives back what was not.</summary>
    public bool TryReserve(long bytes, out QuotaShortage shortage)
    {
        shortage = default;
        if (_account is not { } account || bytes <= 0) return true;
        shortage = Shortage(account, bytes);
        if (shortage.Missing > 0 || !account.TryReserve(bytes))
        {
            if (shortage.Missing <= 0) shortage = TotalShortage(account, bytes);
            return false;
        }

        _charged += bytes;
        return true;
    }

    /// <summary>Whether so much could be taken now.</summary>
    public bool HasRoomFor(long bytes, out QuotaShortage shortage)
    {
        shortage = _account is null ? default : Shortage(_account, bytes);
        return shortage.Missing <= 0;
    }

    /// <summary>Folding its tail might make the room that is missing.</summary>
    public bool MayGainBy(in QuotaShortage shortage) => document.Content is { } content && shortage.Missing < content.TailBytes;

    /// <summary>Sets the charge right: the content is here and is what it is.</summary>
    public void Settle()
    {
        if (_account is null || document.IsLent || document.Content is not { } content) return;
        long bytes = content.StoredBytes;
        if (bytes == _charged) return;
        _account.Change(bytes - _charged);
        _charged = bytes;
    }

    /// <summary>Something was stored: the record will say so.</summary>
    public void Report(Timestamp now)
    {
        if (_account is null || _charged == _reported) return;
        _reported = _charged;
        shard.Context.Ledger?.Report(_account, new StoredSize(document.Id, _charged, DateTimeOffset.FromUnixTimeMilliseconds(now.UnixMs)));
    }

    private QuotaShortage Shortage(OwnerAccount account, long bytes)
    {
        long limit = account.Limits.MaxDocumentSize;
        return _charged + bytes > limit
            ? new QuotaShortage("maxDocumentSize", "Document size quota exceeded", _charged, limit, _charged + bytes - limit)
            : TotalShortage(account, bytes);
    }

    private static QuotaShortage TotalShortage(OwnerAccount account, long bytes)
    {
        long used = account.StorageBytes, limit = account.Limits.MaxTotalStorage;
        return new QuotaShortage("maxTotalStorage", "Total storage quota exceeded", used, limit, Math.Max(0, used + bytes - limit));
    }
}
