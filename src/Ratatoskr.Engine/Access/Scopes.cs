using System.Collections.Immutable;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Access;

/// <summary>What a credential may be used for. They narrow what its user may do, never widen it, on REST and socket alike.</summary>
/// <remarks>
/// Immutable; safe on any thread. <c>documents:read</c> and <c>documents:write</c> say the same of documents as <c>read</c> and <c>write</c>, writing implies reading.
/// <c>doc:&lt;id&gt;</c>, any of a document's names, leaves these documents only; alone it allows reading and writing them. An empty list allows nothing.
/// </remarks>
public sealed class Scopes
{
    private const string DocumentPrefix = "doc:";

    private static readonly string[] s_known = ["read", "write", "documents:read", "documents:write", "blobs:write", "tokens:manage"];

    private readonly ImmutableArray<string> _documents;
    private readonly bool _all;

    private Scopes(IReadOnlyList<string>? names)
    {
        _all = names is null;
        Names = names;
        _documents = names is null ? [] : [.. names.Where(n => n.StartsWith(DocumentPrefix, StringComparison.Ordinal)).Select(n => n[DocumentPrefix.Length..])];
        bool write = Has("write") || Has("documents:write"), read = Has("read") || Has("documents:read");
        Documents = _all || write ? Permission.Read | Permission.Write
            : read ? Permission.Read
            : _documents.Length > 0 ? Permission.Read | Permission.Write
            : Permission.None;
    }

    /// <summary>No limit.</summary>
    public static Scopes All { get; } = new(null);

    /// <summary>As they were given; null for no limit.</summary>
    public IReadOnlyList<string>? Names { get; }

    /// <summary>The most that may be done with any document.</summary>
    public Permission Documents { get; }

    /// <summary>Whether documents may be listed and created: a credential for some documents may do neither.</summary>
    public bool IsForAllDocuments => _all || _documents.IsEmpty;

    public bool MayWriteBlobs => _all || Has("blobs:write") || Has("write");

    public bool MayManageTokens => _all || Has("tokens:manage");

    /// <param name="names">Null for no limit.</param>
    public static Scopes Of(IReadOnlyList<string>? names) => names is null ? All : new Scopes([.. names]);

    /// <summary>What may be done with one document.</summary>
    public Permission ForDocument(DocumentRecord document) => IsForAllDocuments ? Documents : ForDocument(document.Id, document.AutomergeId.ToString());

    /// <inheritdoc cref="ForDocument(DocumentRecord)"/>
    /// <param name="id">Its id, with or without the prefix <c>doc:</c>.</param>
    /// <param name="automergeId">Its base58check id.</param>
    public Permission ForDocument(string id, string automergeId)
    {
        if (IsForAllDocuments) return Documents;
        string bare = id.StartsWith(DocumentPrefix, StringComparison.Ordinal) ? id[DocumentPrefix.Length..] : id;
        return _documents.Contains(bare) || _documents.Contains(automergeId) ? Documents : Permission.None;
    }

    /// <summary>Whether a credential of these may hand out one of <paramref name="other"/>: nothing in it goes further.</summary>
    public bool Covers(Scopes other)
    {
        if (_all) return true;
        if (other._all || (other.Documents & ~Documents) != 0) return false;
        if (!IsForAllDocuments && (other.IsForAllDocuments ? other.Documents != Permission.None : !other._documents.All(_documents.Contains))) return false;
        if ((other.MayWriteBlobs && !MayWriteBlobs) || (other.MayManageTokens && !MayManageTokens)) return false;

        // A name that means nothing yet may mean something one day.
        return other.Names!.All(name => s_known.Contains(name) || name.StartsWith(DocumentPrefix, StringComparison.Ordinal) || Has(name));
    }

    private bool Has(string name) => Names is not null && Names.Contains(name);
}
