using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace SharedTests.Accounts;

/// <summary>Accounts in memory whose answers come when the test says so, in any order, or at once, or fail. Only what the engine asks is there.</summary>
/// <remarks>An answer is what was true when it was asked for; a write is made when it is answered.</remarks>
internal sealed class FakeAccounts : IAccountStore
{
    /// <summary>Steps along documents that access lists name.</summary>
    public const int DepthMax = 10;

    public static readonly UserQuotas Quotas = new(10_000, 10 << 20, 1 << 30, 0, 0);

    private readonly Dictionary<DocumentId, DocumentRecord> _documents = new(DocumentId.Comparer.Instance);
    private readonly Dictionary<DocumentId, string> _formerOwners = new(DocumentId.Comparer.Instance);
    private readonly HashSet<DocumentId> _unfreed = new(DocumentId.Comparer.Instance);
    private readonly Dictionary<string, UserQuotas> _users = new(StringComparer.Ordinal);
    private readonly List<(TaskCompletionSource<AccountsAnswer> Answer, bool IsWrite)> _waiting = [];

    /// <summary>Whether answers wait for <see cref="Answer"/>.</summary>
    public bool IsSlow { get; set; }

    /// <summary>Thrown by the next question.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Told when something that decides access was written by a call.</summary>
    public Action? Changed { get; set; }

    /// <summary>Questions about documents.</summary>
    public int Questions { get; private set; }

    public int Waiting => _waiting.Count;

    public Dictionary<DocumentId, long> Recorded { get; } = [];

    public DocumentRecord this[DocumentId id] => _documents[id];

    public DocumentRecord? Find(DocumentId id) => _documents.GetValueOrDefault(id);

    public DocumentRecord? Find(string name)
    {
        DocumentRecord? found = null;
        foreach (DocumentRecord record in _documents.Values)
        {
            if (!record.IsApp && record.Id == name) return record;
            if (found is null && record.AutomergeId.ToString() == name) found = record;
        }

        return found;
    }

    public DocumentRecord Register(DocumentId id, string owner, params ReadOnlySpan<(string Principal, Permission Permission)> acl) => Register(id, owner, null, acl);

    public DocumentRecord Register(DocumentId id, string owner, string? name, params ReadOnlySpan<(string Principal, Permission Permission)> acl)
    {
        List<AclEntry> entries = [];
        foreach ((string principal, Permission permission) in acl) entries.Add(new AclEntry(principal, permission));
        return Put(new DocumentRecord { Id = name ?? id.ToString(), AutomergeId = id, OwnerId = owner, Acl = entries });
    }

    public DocumentRecord Put(DocumentRecord record)
    {
        _users.TryAdd(record.OwnerId, Quotas);
        return _documents[record.AutomergeId] = record;
    }

    public void Remove(DocumentId id) => _documents.Remove(id);

    public void AddUser(string user, UserQuotas quotas) => _users[user] = quotas;

    public void Limit(string user, long maxDocumentSize, long maxTotalStorage) =>
        _users[user] = Quotas with { MaxDocumentSize = maxDocumentSize, MaxTotalStorage = maxTotalStorage };

    public UserQuotas QuotasOf(string user) => _users[user];

    /// <summary>Whether a call that waits is to write something that decides access.</summary>
    public bool IsWrite(int index) => _waiting[index].IsWrite;

    public void Answer(int index = 0, AccountsAnswer answer = AccountsAnswer.Comes)
    {
        TaskCompletionSource<AccountsAnswer> waiting = _waiting[index].Answer;
        _waiting.RemoveAt(index);
        waiting.SetResult(answer);
    }

    public void AnswerAll()
    {
        while (_waiting.Count > 0) Answer();
    }

    /// <summary>The process that asked dies.</summary>
    public void Crash() => _waiting.Clear();

    public ValueTask<DocumentRecord?> FindDocumentAsync(DocumentId id, CancellationToken stop)
    {
        Questions++;
        return TellAsync(Find(id));
    }

    public ValueTask<DocumentRecord?> FindDocumentAsync(string name, CancellationToken stop)
    {
        Questions++;
        return TellAsync(Find(name));
    }

    public ValueTask<UserRecord?> FindUserAsync(string userId, CancellationToken stop) =>
        TellAsync(_users.TryGetValue(userId, out UserQuotas? quotas) ? new UserRecord(userId, null, null, default, quotas, default, default) : null);

    public ValueTask<UserUsage> UsageAsync(string userId, CancellationToken stop)
    {
        int count = 0;
        long bytes = 0;
        foreach (DocumentRecord document in _documents.Values)
        {
            if (document.OwnerId != userId) continue;
            count++;
            bytes += document.Size;
        }

        return TellAsync(new UserUsage(count, bytes));
    }

    public ValueTask RecordSizesAsync(IReadOnlyList<StoredSize> sizes, CancellationToken stop)
    {
        ThrowIfFailing();
        foreach (StoredSize size in sizes)
        {
            Recorded[size.Id] = size.Bytes;
            if (_documents.TryGetValue(size.Id, out DocumentRecord? record)) _documents[size.Id] = record with { Size = size.Bytes };
        }

        return ValueTask.CompletedTask;
    }

    public async ValueTask<RegisterOutcome> RegisterAsync(DocumentRecord document, long maxDocuments, CancellationToken stop)
    {
        AccountsAnswer answer = await WaitAsync(isWrite: true);
        if (_documents.ContainsKey(document.AutomergeId) || (_formerOwners.TryGetValue(document.AutomergeId, out string? former) && former != document.OwnerId))
            return new RegisterOutcome(RegisterResult.AutomergeIdTaken, 0);
        _formerOwners.Remove(document.AutomergeId);
        _unfreed.Remove(document.AutomergeId);
        Put(document);
        Changed?.Invoke();
        ThrowIfLost(answer);
        return new RegisterOutcome(RegisterResult.Registered, 0) { Document = document };
    }

    public ValueTask<ChangeOutcome> SetAclAsync(DocumentId id, IReadOnlyList<AclEntry> acl, long? ifVersion, CancellationToken stop) =>
        ChangeAsync(id, record => record with { Acl = [.. acl], Version = record.Version + 1 });

    public ValueTask<ChangeOutcome> SetExpirationAsync(DocumentId id, DateTimeOffset? expiresAt, CancellationToken stop) =>
        ChangeAsync(id, record => record with { ExpiresAt = expiresAt, Version = record.Version + 1 });

    public async ValueTask<ChangeOutcome> DeleteAsync(DocumentId id, CancellationToken stop)
    {
        AccountsAnswer answer = await WaitAsync(isWrite: true);
        if (!_documents.Remove(id, out DocumentRecord? record)) return ChangeOutcome.NotFound;
        _formerOwners[id] = record.OwnerId;
        _unfreed.Add(id);
        Changed?.Invoke();
        ThrowIfLost(answer);
        return ChangeOutcome.Changed;
    }

    public ValueTask<IReadOnlyList<DocumentId>> UnfreedAsync(int max, CancellationToken stop) => TellAsync<IReadOnlyList<DocumentId>>([.. _unfreed]);

    public ValueTask FreedAsync(DocumentId id, CancellationToken stop)
    {
        _unfreed.Remove(id);
        return ValueTask.CompletedTask;
    }

    public ValueTask<string?> FormerOwnerAsync(DocumentId id, CancellationToken stop) => TellAsync(_formerOwners.GetValueOrDefault(id));

    public ValueTask<IReadOnlyList<DocumentId>> ReferrersAsync(DocumentId id, int max, CancellationToken stop)
    {
        HashSet<DocumentId> found = new(DocumentId.Comparer.Instance) { id };
        Queue<(DocumentId Id, int Depth)> next = new([(id, 0)]);
        while (next.TryDequeue(out (DocumentId Id, int Depth) at))
        {
            if (at.Depth == DepthMax) continue;
            string name = at.Id.ToString();
            foreach (DocumentRecord record in _documents.Values)
            {
                if (record.Acl.Any(entry => entry.Principal == name) && found.Add(record.AutomergeId)) next.Enqueue((record.AutomergeId, at.Depth + 1));
            }
        }

        found.Remove(id);
        return TellAsync<IReadOnlyList<DocumentId>>([.. found]);
    }

    public ValueTask<IReadOnlyList<DocumentRecord>> ExpiredAsync(DateTimeOffset now, int max, CancellationToken stop) =>
        TellAsync<IReadOnlyList<DocumentRecord>>([.. _documents.Values.Where(d => d.ExpiresAt <= now)]);

    // What only HTTP asks.

    public ValueTask<UserRecord> SignInAsync(string userId, string? email, string? name, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask AddSessionAsync(SessionRecord session, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<SessionRecord?> FindSessionAsync(string sessionId, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<bool> EndSessionAsync(string sessionId, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask AddTokenAsync(TokenRecord token, ReadOnlyMemory<byte> keyedHash, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<TokenRecord?> FindTokenAsync(ReadOnlyMemory<byte> keyedHash, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<TokenRecord>> ListTokensAsync(string userId, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<bool> RemoveTokenAsync(string userId, string tokenId, CancellationToken stop) => throw new NotSupportedException();

    public void TokenUsed(string tokenId, DateTimeOffset at) => throw new NotSupportedException();

    public ValueTask<RegisterOutcome> FindOrRegisterAppAsync(DocumentRecord candidate, long maxDocuments, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<ListEnds> ListAsync(string userId, ListRequest request, IDocumentRows rows, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<ChangeOutcome> SetTypeAsync(DocumentId id, string? type, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask SweepCredentialsAsync(DateTimeOffset before, CancellationToken stop) => throw new NotSupportedException();

    private async ValueTask<ChangeOutcome> ChangeAsync(DocumentId id, Func<DocumentRecord, DocumentRecord> change)
    {
        AccountsAnswer answer = await WaitAsync(isWrite: true);
        if (!_documents.TryGetValue(id, out DocumentRecord? record)) return ChangeOutcome.NotFound;
        Put(change(record));
        Changed?.Invoke();
        ThrowIfLost(answer);
        return ChangeOutcome.Changed;
    }

    private async ValueTask<T> TellAsync<T>(T answer)
    {
        ThrowIfFailing();
        await WaitAsync(isWrite: false);
        return answer;
    }

    private async ValueTask<AccountsAnswer> WaitAsync(bool isWrite)
    {
        if (!IsSlow) return AccountsAnswer.Comes;
        TaskCompletionSource<AccountsAnswer> waiting = new();
        _waiting.Add((waiting, isWrite));
        AccountsAnswer answer = await waiting.Task;
        return answer != AccountsAnswer.Fails ? answer : throw new IOException("a simulated error of the accounts");
    }

    private void ThrowIfFailing()
    {
        if (Failure is not { } failure) return;
        Failure = null;
        throw failure;
    }

    private static void ThrowIfLost(AccountsAnswer answer)
    {
        if (answer == AccountsAnswer.IsLost) throw new IOException("a simulated error of the accounts, behind the write");
    }
}

/// <summary>What becomes of a call to the accounts.</summary>
internal enum AccountsAnswer : byte
{
    Comes,

    /// <summary>It fails, and nothing has been written.</summary>
    Fails,

    /// <summary>It fails, and what was to be written is.</summary>
    IsLost,
}
