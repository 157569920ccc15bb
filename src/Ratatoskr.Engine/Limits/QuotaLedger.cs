using System.Diagnostics.CodeAnalysis;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Limits;

/// <summary>
/// Who has how much stored. An owner's account is read when somebody may write to one of his documents, and kept up to date by the documents that are in memory, whichever
/// shards they are in: they reserve in it before they take anything. What was stored is written back in batches.
/// </summary>
/// <remarks>
/// Safe on any thread. Accounts in use are as many as owners of documents in memory; of the others the table keeps some, used least recently forgotten first.
/// Sizes of documents change through accounts only, so an account that is not here is as the store has it.
/// </remarks>
public sealed class QuotaLedger(IAccountStore accounts, int accountsMax = QuotaLedger.AccountsDefault) : IDisposable
{
    private const int AccountsDefault = 10_000;

    // One statement each; more wait for the next time.
    private const int BatchMax = 10_000;

    // Looked at for each new account while the table is full: those in use cannot go.
    private const int TrimMax = 32;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<Entry>> _entries = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _byUse = [];
    private readonly Dictionary<DocumentId, (StoredSize Size, OwnerAccount Account)> _changed = new(DocumentId.Comparer.Instance);
    private readonly SemaphoreSlim _writing = new(1, 1);

    /// <summary>Accounts in memory.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _entries.Count;
        }
    }

    internal Lock Gate => _gate;

    /// <summary>Told when the store has a document's size.</summary>
    internal Action<StoredSize>? Recorded { get; set; }

    /// <returns>false: not in memory.</returns>
    public bool TryGet(string ownerId, [NotNullWhen(true)] out OwnerAccount? account)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(ownerId, out LinkedListNode<Entry>? node) && node.Value is { Loading: null, IsStale: false })
            {
                Use(node);
                account = node.Value.Account!;
                return true;
            }
        }

        account = null;
        return false;
    }

    /// <exception cref="InvalidOperationException">There is no such user.</exception>
    public async ValueTask<OwnerAccount> GetAsync(string ownerId, CancellationToken stop)
    {
        Entry entry;
        TaskCompletionSource<OwnerAccount>? mine = null;
        Task<OwnerAccount> loading;
        lock (_gate)
        {
            if (_entries.TryGetValue(ownerId, out LinkedListNode<Entry>? node))
            {
                Use(node);
            }
            else
            {
                Trim();
                node = _byUse.AddLast(new Entry(ownerId) { IsStale = true });
                _entries.Add(ownerId, node);
            }

            entry = node.Value;
            if (entry is { Loading: null, IsStale: false }) return entry.Account!;
            if (entry.Loading is null)
            {
                mine = new TaskCompletionSource<OwnerAccount>(TaskCreationOptions.RunContinuationsAsynchronously);
                entry.Loading = mine.Task;
                entry.IsStale = false;
            }

            loading = entry.Loading;
        }

        return mine is null ? await loading.WaitAsync(stop) : await LoadAsync(entry, mine);
    }

    /// <summary>Limits may have changed: they are read again before the next decision that needs them.</summary>
    public void ForgetLimits()
    {
        lock (_gate)
        {
            foreach (Entry entry in _byUse) entry.IsStale = true;
        }
    }

    /// <summary>A document that no shard had was deleted.</summary>
    /// <param name="recordedBytes">What its record said.</param>
    public void Deleted(string ownerId, DocumentId id, long recordedBytes)
    {
        lock (_gate)
        {
            ForgetChange(id);
            if (!_entries.TryGetValue(ownerId, out LinkedListNode<Entry>? node) || node.Value.Account is not { } account) return;
            if (node.Value.IsIdle) Remove(node);                  // read again when it is needed
            else account.Forget(id, recordedBytes);
        }
    }

    /// <summary>Under the lock: nothing is to be recorded of a document that is gone.</summary>
    internal void ForgetChange(DocumentId id)
    {
        if (_changed.Remove(id, out (StoredSize Size, OwnerAccount Account) pending)) pending.Account.Pending--;
    }

    /// <summary>What a document takes in the store has changed.</summary>
    internal void Report(OwnerAccount account, in StoredSize size)
    {
        lock (_gate)
        {
            if (!_changed.ContainsKey(size.Id)) account.Pending++;
            _changed[size.Id] = (size, account);
        }
    }

    /// <summary>Gives the store what was reported. What it does not take is given to it again.</summary>
    public async Task RecordAsync(CancellationToken stop)
    {
        await _writing.WaitAsync(stop);
        try
        {
            while (TakeChanged() is { Count: > 0 } batch)
            {
                try
                {
                    await accounts.RecordSizesAsync([.. batch.Select(change => change.Size)], stop);
                }
                catch
                {
                    PutBack(batch);
                    throw;
                }

                foreach ((StoredSize size, _) in batch) Recorded?.Invoke(size);
                lock (_gate)
                {
                    foreach ((_, OwnerAccount account) in batch) account.Pending--;
                }
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    public void Dispose() => _writing.Dispose();

    private List<(StoredSize Size, OwnerAccount Account)>? TakeChanged()
    {
        lock (_gate)
        {
            if (_changed.Count == 0) return null;
            List<(StoredSize, OwnerAccount)> batch = [.. _changed.Values.Take(BatchMax)];
            foreach ((StoredSize size, _) in batch) _changed.Remove(size.Id);
            return batch;
        }
    }

    private void PutBack(List<(StoredSize Size, OwnerAccount Account)> batch)
    {
        lock (_gate)
        {
            foreach ((StoredSize size, OwnerAccount account) in batch)
            {
                if (!_changed.TryAdd(size.Id, (size, account))) account.Pending--;       // newer by now
            }
        }
    }

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "everybody who waits is told")]
    private async ValueTask<OwnerAccount> LoadAsync(Entry entry, TaskCompletionSource<OwnerAccount> loading)
    {
        try
        {
            UserRecord user = await accounts.FindUserAsync(entry.OwnerId, CancellationToken.None)
                ?? throw new InvalidOperationException($"the owner {entry.OwnerId} is not there");
            OwnerAccount account = entry.Account ?? new OwnerAccount(this, entry.OwnerId, (await accounts.UsageAsync(entry.OwnerId, CancellationToken.None)).StorageBytes);
            account.Limits = user.Quotas;
            lock (_gate)
            {
                entry.Account = account;
                entry.Loading = null;
            }

            loading.SetResult(account);
            return account;
        }
        catch (Exception e)
        {
            lock (_gate)
            {
                entry.Loading = null;
                entry.IsStale = true;
            }

            loading.SetException(e);
            _ = loading.Task.Exception;                           // observed, also if nobody else waits
            throw;
        }
    }

    private void Use(LinkedListNode<Entry> node)
    {
        if (node.Next is null) return;
        _byUse.Remove(node);
        _byUse.AddLast(node);
    }

    private void Trim()
    {
        for (int i = 0; i < TrimMax && _entries.Count >= accountsMax && _byUse.First is { } node; i++)
        {
            if (node.Value.IsIdle) Remove(node);
            else Use(node);
        }
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _byUse.Remove(node);
        _entries.Remove(node.Value.OwnerId);
        if (node.Value.Account is { } account) account.IsForgotten = true;
    }

    private sealed class Entry(string ownerId)
    {
        public string OwnerId => ownerId;

        public OwnerAccount? Account { get; set; }

        public Task<OwnerAccount>? Loading { get; set; }

        /// <summary>To be read, again or for the first time.</summary>
        public bool IsStale { get; set; }

        public bool IsIdle => Loading is null && (Account is null || Account is { Pending: 0, IsInUse: false });
    }
}
