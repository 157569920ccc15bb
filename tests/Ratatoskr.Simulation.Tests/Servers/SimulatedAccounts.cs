using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Simulation.Tests.Servers;

/// <summary>
/// The accounts: they outlive processes, and what they do they do when a step says so, or they fail. Answers are as they were when they were asked for.
/// <see cref="May"/> is the plain truth about who may do what, computed without the server's help.
/// </summary>
internal sealed class SimulatedAccounts(SimulatedTime time) : IAccountStore
{
    private const int DepthMax = 10;
    private const int AnswerFailsOneIn = 12;
    private const int WriteIsLostOneIn = 4;

    private readonly Dictionary<DocumentId, DocumentRecord> _documents = new(DocumentId.Comparer.Instance);
    private readonly Dictionary<DocumentId, string> _formerOwners = new(DocumentId.Comparer.Instance);
    private readonly HashSet<DocumentId> _unfreed = new(DocumentId.Comparer.Instance);
    private readonly Dictionary<string, UserQuotas> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _limits = new(StringComparer.Ordinal);
    private readonly List<(TaskCompletionSource<AccountsAnswer> Answer, bool IsWrite)> _waiting = [];

    /// <summary>Credentials that were revoked.</summary>
    public HashSet<string> Revoked { get; } = [];

    /// <summary>Answers wait for steps.</summary>
    public bool IsSlow { get; set; }

    public int Waiting => _waiting.Count;

    /// <summary>Told when something that decides access was written.</summary>
    public Action? Changed { get; set; }

    public DocumentRecord? this[DocumentId id] => _documents.GetValueOrDefault(id);

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>What a user may do with a document; its expiration does not count here.</summary>
    public Permission May(string user, DocumentId id)
    {
        if (!_documents.TryGetValue(id, out DocumentRecord? record)) return Permission.None;
        if (user.Length > 0 && record.OwnerId == user) return Permission.Read | Permission.Write;
        Permission may = Permission.None;
        foreach (AclEntry entry in record.Acl)
        {
            bool applies = entry.Principal == AccessResolver.Public || (user.Length > 0 && entry.Principal == user) || HasAnyAccess(user, entry.Principal, 1);
            if (applies) may |= (entry.Permission & Permission.Write) != 0 ? Permission.Read | Permission.Write : entry.Permission;
        }

        return may;
    }

    public bool IsExpired(DocumentId id) => _documents.TryGetValue(id, out DocumentRecord? record) && record.ExpiresAt is { } end && end.ToUnixTimeMilliseconds() <= time.NowMs;

    public void AddUser(string user, long storageBytes)
    {
        _users[user] = new UserQuotas(1_000, storageBytes, storageBytes, 0, 0);
        _limits[user] = Math.Max(storageBytes, _limits.GetValueOrDefault(user));
    }

    public bool IsLimited(string user) => _users[user].MaxTotalStorage < Scene.Plenty;

    /// <summary>The most that a user was ever allowed.</summary>
    public long StorageLimit(string user) => _limits[user];

    public void Put(DocumentRecord record) => _documents[record.AutomergeId] = record;

    /// <summary>The process dies.</summary>
    public void Crash() => _waiting.Clear();

    /// <summary>Answers one call, or fails it; a write that fails may have been done.</summary>
    public bool Answer(uint choice)
    {
        if (_waiting.Count == 0) return false;
        int index = (int)(choice % (uint)_waiting.Count);
        uint luck = choice >> 8;
        bool isLost = _waiting[index].IsWrite && luck % WriteIsLostOneIn == 1;
        Answer(index, luck % AnswerFailsOneIn == 0 ? AccountsAnswer.Fails : isLost ? AccountsAnswer.IsLost : AccountsAnswer.Comes);
        return true;
    }

    /// <summary>Answers the call that has waited longest.</summary>
    public bool AnswerNext()
    {
        if (_waiting.Count == 0) return false;
        Answer(0, AccountsAnswer.Comes);
        return true;
    }

    public ValueTask<DocumentRecord?> FindDocumentAsync(DocumentId id, CancellationToken stop) => TellAsync(this[id]);

    public ValueTask<DocumentRecord?> FindDocumentAsync(string name, CancellationToken stop) => TellAsync(Find(name));

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
        foreach (StoredSize size in sizes)
        {
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

    // What the simulated calls of the API do not need.

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

    private DocumentRecord? Find(string name)
    {
        foreach (DocumentRecord record in _documents.Values)
        {
            if (record.Id == name) return record;
        }

        return null;
    }

    private bool HasAnyAccess(string user, string name, int depth)
    {
        if (depth > DepthMax || Find(name) is not { } record) return false;
        if (user.Length > 0 && record.OwnerId == user) return true;
        foreach (AclEntry entry in record.Acl)
        {
            if (entry.Principal == AccessResolver.Public || (user.Length > 0 && entry.Principal == user) || HasAnyAccess(user, entry.Principal, depth + 1)) return true;
        }

        return false;
    }

    private async ValueTask<ChangeOutcome> ChangeAsync(DocumentId id, Func<DocumentRecord, DocumentRecord> change)
    {
        AccountsAnswer answer = await WaitAsync(isWrite: true);
        if (!_documents.TryGetValue(id, out DocumentRecord? record)) return ChangeOutcome.NotFound;
        Put(change(record));
        Changed?.Invoke();
        ThrowIfLost(answer);
        return ChangeOutcome.Changed;
    }

    private void Answer(int index, AccountsAnswer answer)
    {
        TaskCompletionSource<AccountsAnswer> waiting = _waiting[index].Answer;
        _waiting.RemoveAt(index);
        waiting.SetResult(answer);
    }

    private async ValueTask<T> TellAsync<T>(T answer)
    {
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

    private static void ThrowIfLost(AccountsAnswer answer)
    {
        if (answer == AccountsAnswer.IsLost) throw new IOException("a simulated error of the accounts, behind the write");
    }

    /// <summary>What becomes of a call to the accounts.</summary>
    private enum AccountsAnswer : byte
    {
        Comes,

        /// <summary>It fails, and nothing has been written.</summary>
        Fails,

        /// <summary>It fails, and what was to be written is.</summary>
        IsLost,
    }
}
