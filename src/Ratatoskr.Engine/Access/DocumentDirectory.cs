using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Access;

/// <summary>
/// Documents as things that have owners: finds, registers, shares, dates and deletes them for a principal. What changes access is in force on every open connection
/// when the call returns.
/// </summary>
/// <param name="access">The one resolver for API and socket. What it remembers of documents is as good as what the store says: whatever changes one goes through here, and tells it.</param>
/// <remarks>Safe on any thread. What has been committed is carried through even if the caller goes away.</remarks>
public sealed class DocumentDirectory(IAccountStore accounts, IChunkStore chunks, IControlLog control, AccessResolver access, TimeProvider time, Action<Span<byte>> fillRandom)
{
    public const int TypeLengthMax = 200;
    public const int PrincipalLengthMax = 200;

    /// <summary>Entries of one access list. Decisions walk them.</summary>
    public const int AclEntriesMax = 1_000;

    private const int ReferrersMax = 10_000;
    private const int GateCount = 64;
    private const string AppPrefix = "app:";

    private readonly SemaphoreSlim[] _gates = [.. Enumerable.Range(0, GateCount).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>
    /// Frees a document's content where shards may have some of it in memory, and counts it back to its owner: its id, whose bytes they were (empty when nobody counts them any more),
    /// and how many its record told. Null: only the store has any.
    /// </summary>
    public Func<DocumentId, string, long, Task>? DeleteContent { get; set; }

    /// <summary>Counts what is refused; the engine's.</summary>
    public EngineMetrics? Metrics { get; set; }

    /// <summary>Finds a document by any of its names, for somebody who wants to read it, or more.</summary>
    public async ValueTask<DirectoryAnswer> FindAsync(Principal principal, string name, Permission needed, CancellationToken stop)
    {
        if ((principal.Scopes.Documents & needed) != needed) return DirectoryAnswer.Refuse(RefusalKind.InsufficientScope, ScopeFor(needed));
        if (!DocumentName.TryParse(name, out DocumentName parsed)) return NotFound();
        if (await LookUpAsync(principal, parsed, stop) is not { } document || !IsThere(document)) return NotFound();
        Permission scope = principal.Scopes.ForDocument(document);
        if ((scope & needed) != needed) return DirectoryAnswer.Refuse(RefusalKind.InsufficientScope, $"doc:{document.AutomergeId}");
        bool owns = document.OwnerId == principal.Id;
        Permission may = owns ? Permission.Read | Permission.Write : (await access.DecideAsync(principal, document.AutomergeId, Now, stop)).Permission;
        if ((may & needed) != needed) return DirectoryAnswer.Refuse(RefusalKind.Forbidden, (may & Permission.Read) != 0 ? "Write access required" : "Access denied");
        return new DirectoryAnswer(document, null, MayWrite: (may & scope & Permission.Write) != 0);
    }

    /// <summary>The same for its owner alone.</summary>
    /// <param name="refusal">What others are told.</param>
    public async ValueTask<DirectoryAnswer> FindOwnAsync(Principal principal, string name, Permission needed, string refusal, CancellationToken stop)
    {
        if ((principal.Scopes.Documents & needed) != needed) return DirectoryAnswer.Refuse(RefusalKind.InsufficientScope, ScopeFor(needed));
        if (!DocumentName.TryParse(name, out DocumentName parsed)) return NotFound();
        if (await LookUpAsync(principal, parsed, stop) is not { } document || !IsThere(document)) return NotFound();
        if (document.OwnerId != principal.Id) return DirectoryAnswer.Refuse(RefusalKind.Forbidden, refusal);
        Permission scope = principal.Scopes.ForDocument(document);
        if ((scope & needed) != needed) return DirectoryAnswer.Refuse(RefusalKind.InsufficientScope, $"doc:{document.AutomergeId}");
        return new DirectoryAnswer(document, null, MayWrite: true);
    }

    /// <summary>Registers a document: whoever names it first owns it. Peers that have announced it already begin to sync.</summary>
    public async ValueTask<DirectoryAnswer> CreateAsync(Principal principal, NewDocument wanted, CancellationToken stop)
    {
        if (MayNotCreate(principal) is { } scope) return scope;
        DocumentName name = default;
        if (wanted.Id is not null && !DocumentName.TryParse(wanted.Id, out name))
            return Invalid("id: an optional prefix doc: or app:, then 1 to 200 of letters, digits, '.', '_' and '-'");
        if (wanted.Id is not null && name.Kind == DocumentNameKind.Ephemeral) return Invalid("id: ephemeral documents are not registered; they are there while somebody has them open");
        DocumentId automergeId = default;
        if (wanted.AutomergeId is not null && !DocumentName.ParseAutomergeId(wanted.AutomergeId, out automergeId)) return Invalid("automergeId: it is not base58check");
        if (CheckType(wanted.Type) is { } badType) return Invalid(badType);
        if (CheckAcl(wanted.Acl) is { } badAcl) return Invalid(badAcl);
        if (CheckExpiration(wanted.ExpiresAt) is { } badEnd) return Invalid(badEnd);
        if (wanted.Id is not null && name.Kind == DocumentNameKind.App)
        {
            return wanted.Acl.Count > 0
                ? Invalid("acl: App documents cannot have ACL entries")
                : await FindOrCreateAppAsync(principal, name.Local, automergeId, wanted.ExpiresAt, stop);
        }

        DocumentId byName = wanted.Id is null ? default : name.AutomergeId;
        if (!byName.IsDefault && !automergeId.IsDefault && automergeId != byName) return Invalid("automergeId: the id is another automerge id");
        if (automergeId.IsDefault) automergeId = byName.IsDefault ? NewAutomergeId() : byName;
        if (await accounts.FindUserAsync(principal.Id, stop) is not { } user) return DirectoryAnswer.Refuse(RefusalKind.NoUser, "User not found");
        DocumentRecord record = Record(principal, wanted.Id ?? automergeId.ToString(), automergeId) with { Type = wanted.Type, Acl = wanted.Acl, ExpiresAt = wanted.ExpiresAt };
        DirectoryAnswer answer = await RegisterAsync(principal, record, user, stop);
        if (answer.Refusal is not { Kind: RefusalKind.Conflict } || !await DeleteIfExpiredAsync(record, stop)) return answer;
        return await RegisterAsync(principal, record, user, stop);
    }

    /// <summary>The caller's own document of an application, made if it is not there yet.</summary>
    public async ValueTask<DirectoryAnswer> AppAsync(Principal principal, string appId, CancellationToken stop)
    {
        if (!DocumentName.IsLocal(appId)) return Invalid("Invalid App ID");
        if (principal.Scopes.Documents == Permission.None) return DirectoryAnswer.Refuse(RefusalKind.InsufficientScope, ScopeFor(Permission.Read));
        DirectoryAnswer found = await FindAsync(principal, AppPrefix + appId, Permission.Read, stop);
        if (found.Refusal is not { Kind: RefusalKind.NotFound }) return found;
        return MayNotCreate(principal) ?? await FindOrCreateAppAsync(principal, appId, default, null, stop);
    }

    /// <summary>The caller's documents, and what others share with him.</summary>
    /// <param name="rows">Gets them while the call is under way.</param>
    public async ValueTask<(ListEnds Ends, Refusal? Refusal)> ListAsync(Principal principal, ListRequest request, IDocumentRows rows, CancellationToken stop) =>
        MayNotList(principal) is { } refusal ? (default, refusal) : (await accounts.ListAsync(principal.Id, request, rows, stop), null);

    /// <summary>Replaces a document's access list, in force on every connection when this returns.</summary>
    /// <param name="ifVersion">The version it must still have; null for any.</param>
    public async ValueTask<DirectoryAnswer> SetAclAsync(Principal principal, string name, IReadOnlyList<AclEntry> acl, long? ifVersion, CancellationToken stop)
    {
        if (CheckAcl(acl) is { } bad) return Invalid(bad);
        DirectoryAnswer own = await FindOwnAsync(principal, name, Permission.Write, "Only the owner can change the ACL", stop);
        if (own.Document is not { } document) return own;
        if (document.IsApp) return Invalid("App documents cannot have ACL entries");
        return await ChangedAsync(document, await WrittenAsync(document.AutomergeId, accounts.SetAclAsync(document.AutomergeId, acl, ifVersion, stop)));
    }

    public async ValueTask<DirectoryAnswer> SetTypeAsync(Principal principal, string name, string type, CancellationToken stop)
    {
        if (CheckType(type) is { } bad) return Invalid(bad);
        DirectoryAnswer own = await FindOwnAsync(principal, name, Permission.Write, "Only the owner can change the type", stop);
        if (own.Document is not { } document) return own;
        return await ChangedAsync(document, await WrittenAsync(document.AutomergeId, accounts.SetTypeAsync(document.AutomergeId, type, stop)));
    }

    /// <param name="expiresAt">Null for never.</param>
    public async ValueTask<DirectoryAnswer> SetExpirationAsync(Principal principal, string name, DateTimeOffset? expiresAt, CancellationToken stop)
    {
        if (CheckExpiration(expiresAt) is { } bad) return Invalid(bad);
        DirectoryAnswer own = await FindOwnAsync(principal, name, Permission.Write, "Only the owner can change the expiration", stop);
        if (own.Document is not { } document) return own;
        return await ChangedAsync(document, await WrittenAsync(document.AutomergeId, accounts.SetExpirationAsync(document.AutomergeId, expiresAt, stop)));
    }

    /// <summary>Deletes a document: open peers have been told and its content is gone when this returns; its names stay its owner's.</summary>
    public async ValueTask<DirectoryAnswer> DeleteAsync(Principal principal, string name, CancellationToken stop)
    {
        DirectoryAnswer own = await FindOwnAsync(principal, name, Permission.Write, "Only the owner can delete a document", stop);
        return own.Document is { } document ? await DeleteAsync(document) : own;
    }

    /// <summary>Deletes documents whose time is over, and ends deletions that were cut short.</summary>
    /// <returns>How many, of either kind: whether there may be more.</returns>
    public async ValueTask<int> SweepAsync(int max, CancellationToken stop)
    {
        IReadOnlyList<DocumentId> unfreed = await accounts.UnfreedAsync(max, stop);
        foreach (DocumentId id in unfreed)
        {
            stop.ThrowIfCancellationRequested();
            using IDisposable alone = await AloneAsync(id, stop);
            if (await accounts.FindDocumentAsync(id, stop) is null) await FreeAsync(id, "", 0);
        }

        IReadOnlyList<DocumentRecord> expired = await accounts.ExpiredAsync(time.GetUtcNow(), max, stop);
        foreach (DocumentRecord document in expired)
        {
            stop.ThrowIfCancellationRequested();
            await DeleteAsync(document);
        }

        return Math.Max(unfreed.Count, expired.Count);
    }

    private async ValueTask<DirectoryAnswer> DeleteAsync(DocumentRecord document)
    {
        using IDisposable alone = await AloneAsync(document.AutomergeId, CancellationToken.None);
        if (await WrittenAsync(document.AutomergeId, accounts.DeleteAsync(document.AutomergeId, CancellationToken.None)) != ChangeOutcome.Changed) return NotFound();
        await BindAsync(document.AutomergeId, ControlSubject.Deleted);
        await FreeAsync(document.AutomergeId, document.OwnerId, document.Size);
        return new DirectoryAnswer(document, null);
    }

    // A document that was expired when its owner came back for it is not there, and gives its name to the next.
    private async ValueTask<DirectoryAnswer> FindOrCreateAppAsync(Principal principal, string appId, DocumentId automergeId, DateTimeOffset? expiresAt, CancellationToken stop)
    {
        if (await accounts.FindUserAsync(principal.Id, stop) is not { } user) return DirectoryAnswer.Refuse(RefusalKind.NoUser, "User not found");
        DocumentId id = automergeId.IsDefault ? NewAutomergeId() : automergeId;
        if (!automergeId.IsDefault && await accounts.FindDocumentAsync(id, stop) is null && await IsSomebodysAsync(id, principal, stop))
            return DirectoryAnswer.Refuse(RefusalKind.Conflict, "Automerge document ID is already registered");
        DocumentRecord candidate = Record(principal, AppPrefix + appId, id) with { AppId = appId, Type = AppPrefix + appId, ExpiresAt = expiresAt };
        RegisterOutcome outcome = await WrittenAsync(id, accounts.FindOrRegisterAppAsync(candidate, user.Quotas.MaxDocuments, stop));
        if (outcome.Document is { } found && !IsThere(found))
        {
            await DeleteAsync(found);
            outcome = await WrittenAsync(id, accounts.FindOrRegisterAppAsync(candidate, user.Quotas.MaxDocuments, stop));
        }

        if (outcome.Document is { } there && !automergeId.IsDefault && there.AutomergeId != automergeId)
            return DirectoryAnswer.Refuse(RefusalKind.Conflict, "Document already exists");
        return await AnsweredAsync(outcome, candidate, user);
    }

    private async ValueTask<DirectoryAnswer> RegisterAsync(Principal principal, DocumentRecord record, UserRecord user, CancellationToken stop)
    {
        using IDisposable alone = await AloneAsync(record.AutomergeId, stop);
        if (await accounts.FindDocumentAsync(record.AutomergeId, stop) is null && await IsSomebodysAsync(record.AutomergeId, principal, stop))
            return DirectoryAnswer.Refuse(RefusalKind.Conflict, "Automerge document ID is already registered");
        return await AnsweredAsync(await WrittenAsync(record.AutomergeId, accounts.RegisterAsync(record, user.Quotas.MaxDocuments, stop)), record, user);
    }

    // What stands in the way may be there no more, and merely not be swept yet.
    private async ValueTask<bool> DeleteIfExpiredAsync(DocumentRecord wanted, CancellationToken stop)
    {
        bool deleted = false;
        foreach (string name in (string[])[wanted.Id, wanted.AutomergeId.ToString()])
        {
            if (await accounts.FindDocumentAsync(name, stop) is { } found && !IsThere(found)) deleted |= (await DeleteAsync(found)).Document is not null;
        }

        return deleted;
    }

    private async ValueTask<DirectoryAnswer> AnsweredAsync(RegisterOutcome outcome, DocumentRecord wanted, UserRecord user)
    {
        switch (outcome.Result)
        {
            case RegisterResult.IdTaken:
                return DirectoryAnswer.Refuse(RefusalKind.Conflict, "Document already exists");
            case RegisterResult.AutomergeIdTaken:
                return DirectoryAnswer.Refuse(RefusalKind.Conflict, "Automerge document ID is already registered");
            case RegisterResult.QuotaExceeded:
                Metrics?.QuotaExceeded("maxDocuments");
                return new DirectoryAnswer(null, new Refusal(RefusalKind.QuotaExceeded, "You have as many documents as you may have", outcome.Current, user.Quotas.MaxDocuments));
            case RegisterResult.NoUser:
                return DirectoryAnswer.Refuse(RefusalKind.NoUser, "User not found");
        }

        DocumentRecord document = outcome.Document ?? wanted;
        if (document.AutomergeId == wanted.AutomergeId) await BindAsync(document.AutomergeId, ControlSubject.Registered);
        return new DirectoryAnswer(document, null, MayWrite: true);
    }

    // Also of a type, which access does not rest upon: what is remembered of the document says it.
    private async ValueTask<DirectoryAnswer> ChangedAsync(DocumentRecord document, ChangeOutcome outcome)
    {
        switch (outcome)
        {
            case ChangeOutcome.NotFound:
                return NotFound();
            case ChangeOutcome.Moved:
                return DirectoryAnswer.Refuse(RefusalKind.Moved, "The document has been changed meanwhile");
            case ChangeOutcome.Private:
                return Invalid("App documents cannot have ACL entries");
        }

        await BindAsync(document.AutomergeId, ControlSubject.Access);
        return await accounts.FindDocumentAsync(document.AutomergeId, CancellationToken.None) is { } changed ? new DirectoryAnswer(changed, null, MayWrite: true) : NotFound();
    }

    // A write that fails may have been done all the same: the shards ask anew before the caller hears of it. One that was cancelled has not begun.
    private async ValueTask<T> WrittenAsync<T>(DocumentId id, ValueTask<T> write)
    {
        try
        {
            return await write;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            await BindAsync(id, ControlSubject.Access);
            throw;
        }
    }

    // Says it to every shard, and returns when all have heard: of the document first, then of those whose access lists lead to it, or of all if nobody can say which.
    private async ValueTask BindAsync(DocumentId id, ControlSubject subject)
    {
        ControlNumber last = await control.AppendAsync(new ControlChange(subject, id, ""), CancellationToken.None);
        if (await ReferrersAsync(id) is { } referrers)
        {
            foreach (DocumentId referrer in referrers) last = await control.AppendAsync(new ControlChange(ControlSubject.Access, referrer, ""), CancellationToken.None);
        }
        else
        {
            last = await control.AppendAsync(new ControlChange(ControlSubject.Settings, default, ""), CancellationToken.None);
        }

        await control.InForceAsync(last, CancellationToken.None);
    }

    private async ValueTask<IReadOnlyList<DocumentId>?> ReferrersAsync(DocumentId id)
    {
        try
        {
            IReadOnlyList<DocumentId> referrers = await accounts.ReferrersAsync(id, ReferrersMax, CancellationToken.None);
            return referrers.Count > ReferrersMax ? null : referrers;
        }
        catch (Exception)
        {
            return null;                                       // told to the caller of whatever else fails; what has been written is in force even so
        }
    }

    private async ValueTask<DocumentRecord?> LookUpAsync(Principal principal, DocumentName name, CancellationToken stop)
    {
        switch (name.Kind)
        {
            case DocumentNameKind.Ephemeral:
                return null;
            case DocumentNameKind.App:
                // Finds it, and registers nothing: there is no room for a single document.
                DocumentRecord candidate = Record(principal, name.Text, NewAutomergeId()) with { AppId = name.Local };
                return (await accounts.FindOrRegisterAppAsync(candidate, maxDocuments: 0, stop)).Document;
            default:
                return await access.FindAsync(name.Text, stop) ?? await access.FindAsync(name.Text == name.Local ? $"doc:{name.Local}" : name.Local, stop);
        }
    }

    // Nothing is stored of a document that nobody has registered. What is there without an owner was somebody's, and is not the first comer's;
    // unless it is left of his own, whose deletion was cut short: that ends here.
    private async ValueTask<bool> IsSomebodysAsync(DocumentId id, Principal principal, CancellationToken stop)
    {
        DocumentPeek[] peeked = new DocumentPeek[1];
        await chunks.PeekAsync(new[] { id }, peeked, stop);
        if (peeked[0].Presence != StoredPresence.Present) return false;
        if (await accounts.FormerOwnerAsync(id, stop) != principal.Id) return true;
        await FreeAsync(id, "", 0);
        return false;
    }

    // No shard takes anything for it by now. A fence that has moved since says nothing about this document.
    private async ValueTask FreeAsync(DocumentId id, string ownerId, long recordedBytes)
    {
        if (DeleteContent is { } deleteContent) await deleteContent(id, ownerId, recordedBytes);
        else while (!await chunks.DeleteAsync(id, control.Current, CancellationToken.None)) await Task.Yield();
        await accounts.FreedAsync(id, CancellationToken.None);
    }

    // Registering waits for a deletion under way, or that would free what was written since. By hash: strangers seldom wait for each other.
    private async ValueTask<IDisposable> AloneAsync(DocumentId id, CancellationToken stop)
    {
        SemaphoreSlim gate = _gates[DocumentId.StableHash(id.Text) % GateCount];
        await gate.WaitAsync(stop);
        return new Turn(gate);
    }

    private Timestamp Now => new(time.GetUtcNow().ToUnixTimeMilliseconds());

    private bool IsThere(DocumentRecord document) => document.ExpiresAt is not { } end || end > time.GetUtcNow();

    private DocumentRecord Record(Principal owner, string id, DocumentId automergeId)
    {
        DateTimeOffset now = time.GetUtcNow();
        return new DocumentRecord { Id = id, AutomergeId = automergeId, OwnerId = owner.Id, CreatedAt = now, UpdatedAt = now };
    }

    private DocumentId NewAutomergeId()
    {
        Span<byte> random = stackalloc byte[DocumentId.UuidLength];
        fillRandom(random);
        return DocumentId.FromRandom(random);
    }

    private static DirectoryAnswer? MayNotCreate(Principal principal) => (principal.Scopes.Documents & Permission.Write) == 0 || !principal.Scopes.IsForAllDocuments
        ? DirectoryAnswer.Refuse(RefusalKind.InsufficientScope, ScopeFor(Permission.Write))
        : null;

    private static Refusal? MayNotList(Principal principal) => (principal.Scopes.Documents & Permission.Read) == 0 || !principal.Scopes.IsForAllDocuments
        ? new Refusal(RefusalKind.InsufficientScope, ScopeFor(Permission.Read))
        : null;

    private static string ScopeFor(Permission needed) => (needed & Permission.Write) != 0 ? "documents:write" : "documents:read";

    private static string? CheckType(string? type)
    {
        if (type is null) return null;
        if (type.Length > TypeLengthMax) return $"type: at most {TypeLengthMax} characters";
        return type.StartsWith(AppPrefix, StringComparison.Ordinal) ? "type: app: is for app documents" : null;
    }

    private static string? CheckAcl(IReadOnlyList<AclEntry> acl)
    {
        if (acl.Count > AclEntriesMax) return $"acl: at most {AclEntriesMax} entries";
        HashSet<string> principals = new(StringComparer.Ordinal);
        foreach (AclEntry entry in acl)
        {
            if (entry.Principal.Length is 0 or > PrincipalLengthMax) return $"acl: a principal has 1 to {PrincipalLengthMax} characters";
            if (!principals.Add(entry.Principal)) return $"acl: {entry.Principal} is there twice";
        }

        return null;
    }

    private string? CheckExpiration(DateTimeOffset? expiresAt) => expiresAt <= time.GetUtcNow() ? "expiresAt: it has passed" : null;

    private static DirectoryAnswer NotFound() => DirectoryAnswer.Refuse(RefusalKind.NotFound, "Document not found");

    private static DirectoryAnswer Invalid(string message) => DirectoryAnswer.Refuse(RefusalKind.Invalid, message);

    private sealed class Turn(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
