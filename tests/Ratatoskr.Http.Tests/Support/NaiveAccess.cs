using Ratatoskr.Engine;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Http.Tests.Support;

/// <summary>Owners and what access lists say of them or of everybody, read anew for each question.</summary>
internal sealed class NaiveAccess(IAccountStore accounts, IControlLog control, TimeProvider time) : IAccessPolicy
{
    public bool TryDecide(Principal principal, DocumentId document, Timestamp now, out AccessDecision decision)
    {
        decision = DecideAsync(principal, document, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        return true;
    }

    public ValueTask<AccessDecision> DecideAsync(Principal principal, DocumentId document, Timestamp now, CancellationToken stop) => DecideAsync(principal, document, stop);

    public void Changed(ControlChange change)
    {
    }

    public async ValueTask<AccessDecision> DecideAsync(Principal principal, DocumentId document, CancellationToken stop)
    {
        Fence fence = control.Current;
        DocumentRecord? record = await accounts.FindDocumentAsync(document, stop);
        if (record is null || record.ExpiresAt <= time.GetUtcNow()) return new AccessDecision(Permission.None, fence);
        Permission permission = record.OwnerId == principal.Id ? Permission.Read | Permission.Write : Permission.None;
        foreach (AclEntry entry in record.IsApp ? [] : record.Acl)
        {
            if (entry.Principal == "public" || entry.Principal == principal.Id) permission |= entry.Permission | Permission.Read;
        }

        return new AccessDecision(permission & principal.Scopes.ForDocument(record.Id, record.AutomergeId.ToString()), fence);
    }

    public Takeover MayReplace(Principal holder, Principal newcomer) => Takeover.Replace;
}
