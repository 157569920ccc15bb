using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>Accounts in memory whose answers come when the test says so, in any order, or at once. Only what the engine asks is there.</summary>
internal sealed class FakeAccounts : IAccountStore
{
    public static readonly UserQuotas Quotas = new(10_000, 10 << 20, 1 << 30, 0, 0);

    private readonly Dictionary<DocumentId, DocumentRecord> _documents = [];
    private readonly Dictionary<string, UserQuotas> _users = [];
    private readonly List<TaskCompletionSource> _waiting = [];

    /// <summary>Whether answers wait for <see cref="Answer"/>. They are made when the question is asked.</summary>
    public bool IsSlow { get; set; }

    /// <summary>Thrown by the next question.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Questions about documents.</summary>
    public int Questions { get; private set; }

    public int Waiting => _waiting.Count;

    public Dictionary<DocumentId, long> Recorded { get; } = [];

    public DocumentRecord this[DocumentId id] => _documents[id];

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

    public void Limit(string user, long maxDocumentSize, long maxTotalStorage) =>
        _users[user] = Quotas with { MaxDocumentSize = maxDocumentSize, MaxTotalStorage = maxTotalStorage };

    public void Answer(int index = 0)
    {
        TaskCompletionSource waiting = _waiting[index];
        _waiting.RemoveAt(index);
        waiting.SetResult();
    }

    public void AnswerAll()
    {
        while (_waiting.Count > 0) Answer();
    }

    public ValueTask<DocumentRecord?> FindDocumentAsync(DocumentId id, CancellationToken stop)
    {
        Questions++;
        return TellAsync(_documents.GetValueOrDefault(id));
    }

    public ValueTask<DocumentRecord?> FindDocumentAsync(string name, CancellationToken stop)
    {
        Questions++;
        return TellAsync(_documents.Values.FirstOrDefault(d => !d.IsApp && d.Id == name) ?? _documents.Values.FirstOrDefault(d => d.AutomergeId.ToString() == name));
    }

    public ValueTask<UserRecord?> FindUserAsync(string userId, CancellationToken stop) => TellAsync(_users.TryGetValue(userId, out UserQuotas? quotas)
        ? new UserRecord(userId, null, null, default, quotas, default, default)
        : null);

    public ValueTask<UserUsage> UsageAsync(string userId, CancellationToken stop)
    {
        List<DocumentRecord> owned = [.. _documents.Values.Where(d => d.OwnerId == userId)];
        return TellAsync(new UserUsage(owned.Count, owned.Sum(d => d.Size)));
    }

    public ValueTask RecordSizesAsync(IReadOnlyList<StoredSize> sizes, CancellationToken stop)
    {
        if (Failure is { } failure)
        {
            Failure = null;
            throw failure;
        }

        foreach (StoredSize size in sizes)
        {
            Recorded[size.Id] = size.Bytes;
            if (_documents.TryGetValue(size.Id, out DocumentRecord? record)) _documents[size.Id] = record with { Size = size.Bytes };
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<UserRecord> SignInAsync(string userId, string? email, string? name, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask AddSessionAsync(SessionRecord session, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<SessionRecord?> FindSessionAsync(string sessionId, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<bool> EndSessionAsync(string sessionId, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask AddTokenAsync(TokenRecord token, ReadOnlyMemory<byte> keyedHash, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<TokenRecord?> FindTokenAsync(ReadOnlyMemory<byte> keyedHash, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<TokenRecord>> ListTokensAsync(string userId, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<bool> RemoveTokenAsync(string userId, string tokenId, CancellationToken stop) => throw new NotSupportedException();

    public void TokenUsed(string tokenId, DateTimeOffset at) => throw new NotSupportedException();

    public ValueTask<RegisterOutcome> RegisterAsync(DocumentRecord document, long maxDocuments, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<RegisterOutcome> FindOrRegisterAppAsync(DocumentRecord candidate, long maxDocuments, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<ListEnds> ListAsync(string userId, ListRequest request, IDocumentRows rows, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<ChangeOutcome> SetAclAsync(DocumentId id, IReadOnlyList<AclEntry> acl, long? ifVersion, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<ChangeOutcome> SetTypeAsync(DocumentId id, string? type, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<ChangeOutcome> SetExpirationAsync(DocumentId id, DateTimeOffset? expiresAt, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<ChangeOutcome> DeleteAsync(DocumentId id, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<DocumentId>> UnfreedAsync(int max, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask FreedAsync(DocumentId id, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<string?> FormerOwnerAsync(DocumentId id, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<DocumentId>> ReferrersAsync(DocumentId id, int max, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<DocumentRecord>> ExpiredAsync(DateTimeOffset now, int max, CancellationToken stop) => throw new NotSupportedException();

    public ValueTask SweepCredentialsAsync(DateTimeOffset before, CancellationToken stop) => throw new NotSupportedException();

    // What was true when it was asked, told later.
    private async ValueTask<T> TellAsync<T>(T answer)
    {
        if (Failure is { } failure)
        {
            Failure = null;
            throw failure;
        }

        if (!IsSlow) return answer;
        TaskCompletionSource waiting = new();
        _waiting.Add(waiting);
        await waiting.Task;
        return answer;
    }
}
