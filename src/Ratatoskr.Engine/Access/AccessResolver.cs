using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Access;

/// <summary>
/// <c>ACCESS_MODE=accounts</c>: the one place that says who may do what with a document, for REST and socket alike. Owners may do everything; others what its access list gives
/// to them, to everybody, or to whoever has any access to a document that it names, ten steps deep. App documents are their owner's alone. What a credential was not made for
/// its bearer may not do either. A document that is not registered, or has expired, is not there.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class AccessResolver : IAccessPolicy
{
    /// <summary>The principal that means everybody, the anonymous too.</summary>
    public const string Public = "public";

    private const Permission All = Permission.Read | Permission.Write;

    // About 100 bytes each: 20 MB.
    private const int RecordEntriesMax = 200_000;

    // What a shard looks at itself before it leaves the walk to another thread.
    private const int InlineDocumentsMax = 64;

    private readonly IControlLog _control;
    private readonly QuotaLedger _ledger;
    private readonly DocumentRecords _records;

    public AccessResolver(IAccountStore accounts, IControlLog control, QuotaLedger ledger)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        _control = control;
        _ledger = ledger;
        _records = new DocumentRecords(accounts, RecordEntriesMax);
        ledger.Recorded = size => _records.SizeRecorded(size);
    }

    /// <summary>Whether the document is this principal's, whatever his credential may be used for.</summary>
    public static bool IsOwner(DocumentRecord record, Principal principal) => !principal.IsAnonymous && principal.Id == record.OwnerId;

    /// <summary>A document by any of its names, expired ones too, as of the last change of access that is in force.</summary>
    public ValueTask<DocumentRecord?> FindAsync(string name, CancellationToken stop) => _records.FindAsync(name, stop);

    /// <summary>Documents' records in memory.</summary>
    public int RecordCount => _records.Count;

    public bool TryDecide(Principal principal, DocumentId document, Timestamp now, out AccessDecision decision)
    {
        decision = default;
        Fence fence = _control.Current;                          // before anything is looked at: what comes later must not seem to be known
        if (!_records.TryGet(document, out DocumentRecord? record)) return false;
        if (!IsThere(record, now))
        {
            decision = NotThere(fence);
            return true;
        }

        Question question = new(principal, record!, now);
        while (question.Walk is { } walk)
        {
            while (walk.TryNext(out string name))
            {
                if (walk.Count > InlineDocumentsMax || !_records.TryGet(name, out DocumentRecord? next)) return false;
                walk.Look(next);
            }

            question.Walked();
        }

        OwnerAccount? account = null;
        if ((question.Permission & Permission.Write) != 0 && !_ledger.TryGet(record!.OwnerId, out account)) return false;
        decision = question.Answer(fence, account);
        return true;
    }

    public async ValueTask<AccessDecision> DecideAsync(Principal principal, DocumentId document, Timestamp now, CancellationToken stop)
    {
        Fence fence = _control.Current;
        DocumentRecord? record = await _records.GetAsync(document, stop);
        if (!IsThere(record, now)) return NotThere(fence);
        Question question = new(principal, record!, now);
        while (question.Walk is { } walk)
        {
            while (walk.TryNext(out string name)) walk.Look(await _records.GetAsync(name, stop));
            question.Walked();
        }

        OwnerAccount? account = (question.Permission & Permission.Write) != 0 ? await _ledger.GetAsync(record!.OwnerId, stop) : null;
        return question.Answer(fence, account);
    }

    public void Changed(ControlChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        if (change.Kind == ControlSubject.Revoked) return;       // a credential's affair
        if (change.Document.IsDefault)
        {
            _records.Clear();
            _ledger.ForgetLimits();
        }
        else if (change.Kind is ControlSubject.Registered)
        {
            _records.Registered(change.Document);
        }
        else
        {
            _records.Forget(change.Document);
        }
    }

    public Takeover MayReplace(Principal holder, Principal newcomer) =>
        holder.IsAnonymous && newcomer.IsAnonymous ? Takeover.IfSilent
        : holder.Id == newcomer.Id ? Takeover.Replace
        : Takeover.Refuse;

    /// <summary>Whether an entry is about this principal, by name or as one of everybody.</summary>
    internal static bool IsNamed(in AclEntry entry, Principal principal) =>
        entry.Principal == Public || (!principal.IsAnonymous && entry.Principal == principal.Id);

    private static bool IsThere(DocumentRecord? record, Timestamp now) =>
        record is not null && !(record.ExpiresAt?.ToUnixTimeMilliseconds() <= now.UnixMs);

    private static AccessDecision NotThere(Fence fence) => new(Permission.None, fence) { Exists = false };

    /// <summary>One question about one document on its way to its answer: first what its own access list says, then what the documents in it give.</summary>
    private struct Question
    {
        private readonly Principal _principal;
        private readonly DocumentRecord _record;
        private readonly Timestamp _now;
        private readonly bool _isOwner;
        private Permission _asked;
        private Timestamp _expiresAt;

        public Question(Principal principal, DocumentRecord record, Timestamp now)
        {
            _principal = principal;
            _record = record;
            _now = now;
            _isOwner = IsOwner(record, principal);
            _expiresAt = record.ExpiresAt is { } end ? new Timestamp(end.ToUnixTimeMilliseconds()) : Timestamp.Never;
            Permission = _isOwner ? All : Permission.None;
            if (_isOwner || record.IsApp) return;
            Permission throughDocuments = Permission.None;
            foreach (AclEntry entry in record.Acl)
            {
                Permission given = (entry.Permission & Permission.Write) != 0 ? All : entry.Permission;
                if (IsNamed(entry, principal)) Permission |= given;
                else if (AccessWalk.IsDocumentName(entry.Principal)) throughDocuments |= given;
            }

            Permission missing = throughDocuments & ~Permission;
            if ((missing & Permission.Write) != 0) Begin(Permission.Write);
            else if (missing != 0) Begin(Permission.Read);
        }

        public Permission Permission { get; private set; }

        /// <summary>What remains to be walked; null when the answer is known.</summary>
        public AccessWalk? Walk { get; private set; }

        /// <summary>The walk has ended.</summary>
        public void Walked()
        {
            AccessWalk walk = Walk!;
            Walk = null;
            if (walk.ExpiresAt < _expiresAt) _expiresAt = walk.ExpiresAt;
            if (walk.IsReached) Permission |= _asked == Permission.Write ? All : _asked;
            else if (_asked == Permission.Write && (Permission & Permission.Read) == 0) Begin(Permission.Read);
        }

        public readonly AccessDecision Answer(Fence fence, OwnerAccount? account) =>
            new(Permission & _principal.Scopes.ForDocument(_record), fence)
            {
                IsOwner = _isOwner,
                ExpiresAt = _expiresAt,
                Account = account,
                RecordedBytes = _record.Size,
            };

        private void Begin(Permission permission)
        {
            _asked = permission;
            Walk = new AccessWalk(_principal, _now);
            Walk.Begin(_record, permission);
        }
    }
}
