using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Access;

/// <summary>
/// Whether a principal has any access to any of some documents: as owner, by name, as everybody, or through documents that their access lists name, at most ten steps from
/// the one the question is about. Breadth first, so that each document is looked at once, on its shortest way: never exponential, and cycles end by themselves.
/// </summary>
/// <remarks>One caller at a time, who fetches the records.</remarks>
internal sealed class AccessWalk(Principal principal, Timestamp now)
{
    private const int DepthMax = 10;

    // A way through more documents than this is no way: it would cost every newcomer milliseconds.
    private const int DocumentsMax = 10_000;

    private readonly Queue<(string Name, int Depth)> _next = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly HashSet<DocumentId> _seen = new(DocumentId.Comparer.Instance);

    public bool IsReached { get; private set; }

    /// <summary>When the first of the documents looked at expires.</summary>
    public Timestamp ExpiresAt { get; private set; } = Timestamp.Never;

    /// <summary>Documents looked at.</summary>
    public int Count => _seen.Count;

    /// <summary>Whether this name in an access list can be a document's: user ids have prefixes of their own, and app documents are nobody's but their owner's.</summary>
    public static bool IsDocumentName(string principal)
    {
        const int LocalLengthMax = 200;
        const string Prefix = "doc:";
        ReadOnlySpan<char> local = principal.StartsWith(Prefix, StringComparison.Ordinal) ? principal.AsSpan(Prefix.Length) : principal;
        return principal != AccessResolver.Public && local.Length is > 0 and <= LocalLengthMax && !local.Contains(':');
    }

    /// <summary>Begins with the documents that this access list names and gives this permission to.</summary>
    public void Begin(DocumentRecord record, Permission permission)
    {
        _seen.Add(record.AutomergeId);
        Enter(record, 1, permission);
    }

    /// <summary>The name of a document to look at.</summary>
    /// <returns>false: the walk has ended.</returns>
    public bool TryNext(out string name)
    {
        bool any = _next.TryPeek(out (string Name, int Depth) next) && !IsReached && _seen.Count < DocumentsMax;
        name = any ? next.Name : "";
        return any;
    }

    /// <summary>Looks at the record of the document asked for by <see cref="TryNext"/>; null when there is none.</summary>
    public void Look(DocumentRecord? record)
    {
        int depth = _next.Dequeue().Depth;
        if (record is null || !_seen.Add(record.AutomergeId)) return;
        if (record.ExpiresAt is { } end)
        {
            Timestamp expiresAt = new(end.ToUnixTimeMilliseconds());
            if (expiresAt <= now) return;
            if (expiresAt < ExpiresAt) ExpiresAt = expiresAt;
        }

        if (AccessResolver.IsOwner(record, principal)) IsReached = true;
        if (record.IsApp || IsReached) return;
        foreach (AclEntry entry in record.Acl)
        {
            if (!AccessResolver.IsNamed(entry, principal)) continue;
            IsReached = true;
            return;
        }

        if (depth < DepthMax) Enter(record, depth + 1, Permission.None);
    }

    private void Enter(DocumentRecord record, int depth, Permission permission)
    {
        foreach (AclEntry entry in record.Acl)
        {
            if (permission != Permission.None && (entry.Permission & permission) == 0) continue;
            if (IsDocumentName(entry.Principal) && _names.Add(entry.Principal)) _next.Enqueue((entry.Principal, depth));
        }
    }
}
