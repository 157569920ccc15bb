using System.Globalization;
using Ratatoskr.Engine.Access;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Storage;

/// <summary>
/// Truth about users, their sessions and API tokens, and about documents as things that have an owner, names and an access list. Their content is the <see cref="IChunkStore"/>'s.
/// Whoever changes what decides access says so in the <see cref="IControlLog"/> afterwards.
/// </summary>
/// <remarks>Safe on any thread. Writes are durable when they return, unless said otherwise.</remarks>
public interface IAccountStore
{
    // Users

    /// <summary>Makes the user at the first sign-in; later ones update e-mail and name.</summary>
    ValueTask<UserRecord> SignInAsync(string userId, string? email, string? name, CancellationToken stop);

    ValueTask<UserRecord?> FindUserAsync(string userId, CancellationToken stop);

    /// <summary>Documents and bytes stored, as of the last <see cref="RecordSizesAsync"/>.</summary>
    ValueTask<UserUsage> UsageAsync(string userId, CancellationToken stop);

    // Sessions and API tokens

    ValueTask AddSessionAsync(SessionRecord session, CancellationToken stop);

    ValueTask<SessionRecord?> FindSessionAsync(string sessionId, CancellationToken stop);

    /// <summary>false: there is no such session, or it has ended already.</summary>
    ValueTask<bool> EndSessionAsync(string sessionId, CancellationToken stop);

    ValueTask AddTokenAsync(TokenRecord token, ReadOnlyMemory<byte> keyedHash, CancellationToken stop);

    ValueTask<TokenRecord?> FindTokenAsync(ReadOnlyMemory<byte> keyedHash, CancellationToken stop);

    /// <summary>Newest first, expired ones included until they are swept.</summary>
    ValueTask<IReadOnlyList<TokenRecord>> ListTokensAsync(string userId, CancellationToken stop);

    /// <summary>false: this user has no such token.</summary>
    ValueTask<bool> RemoveTokenAsync(string userId, string tokenId, CancellationToken stop);

    /// <summary>Remembers that a token was used. Returns at once; written with others, some seconds later at the earliest.</summary>
    void TokenUsed(string tokenId, DateTimeOffset at);

    // Documents

    /// <summary>Registers a document, all or nothing. The first writer of an id owns it.</summary>
    ValueTask<RegisterOutcome> RegisterAsync(DocumentRecord document, long maxDocuments, CancellationToken stop);

    /// <summary>The user's own document of an application: as it is, or made from <paramref name="candidate"/>; concurrent calls get the same one.</summary>
    /// <returns><see cref="RegisterOutcome.Document"/>, unless it was not there and could not be registered either.</returns>
    ValueTask<RegisterOutcome> FindOrRegisterAppAsync(DocumentRecord candidate, long maxDocuments, CancellationToken stop);

    /// <summary>By id or automerge id, whichever of its names this is. Expired ones too. App documents by automerge id alone: <c>app:notes</c> is somebody else's for everybody.</summary>
    ValueTask<DocumentRecord?> FindDocumentAsync(string name, CancellationToken stop);

    /// <summary>The same by automerge id alone, as frames name documents.</summary>
    ValueTask<DocumentRecord?> FindDocumentAsync(DocumentId id, CancellationToken stop);

    /// <summary>
    /// A page of the user's documents, app documents among them, and a page of those that others share with him, directly or through documents he can reach (depth 10).
    /// Expired ones are in neither. Newest first, as of one moment.
    /// </summary>
    /// <param name="rows">Gets the documents, first his own, while the call is under way.</param>
    /// <exception cref="ArgumentException">The cursor is none of ours: <see cref="PageCursor.TryParse"/> tells before.</exception>
    ValueTask<ListEnds> ListAsync(string userId, ListRequest request, IDocumentRows rows, CancellationToken stop);

    /// <summary>Replaces the access list. An app document's is <see cref="ChangeOutcome.Private"/>.</summary>
    /// <exception cref="ArgumentException">A principal is named twice, or with no permission.</exception>
    ValueTask<ChangeOutcome> SetAclAsync(DocumentId id, IReadOnlyList<AclEntry> acl, long? ifVersion, CancellationToken stop);

    ValueTask<ChangeOutcome> SetTypeAsync(DocumentId id, string? type, CancellationToken stop);

    ValueTask<ChangeOutcome> SetExpirationAsync(DocumentId id, DateTimeOffset? expiresAt, CancellationToken stop);

    /// <summary>Removes the document and leaves a tombstone: its names can come back through its former owner only. Its content is yet to be freed.</summary>
    ValueTask<ChangeOutcome> DeleteAsync(DocumentId id, CancellationToken stop);

    /// <summary>Deleted documents whose content nobody has said to be freed, those first that have waited longest.</summary>
    ValueTask<IReadOnlyList<DocumentId>> UnfreedAsync(int max, CancellationToken stop);

    /// <summary>A deleted document's content is freed.</summary>
    ValueTask FreedAsync(DocumentId id, CancellationToken stop);

    /// <summary>Whose a deleted document was; null when there is no such tombstone.</summary>
    ValueTask<string?> FormerOwnerAsync(DocumentId id, CancellationToken stop);

    /// <summary>
    /// Documents whose access lists lead to this one, over at most 10 steps: their decisions depend on it. At most <paramref name="max"/> + 1 are told, this one not among them.
    /// Works after its deletion too.
    /// </summary>
    ValueTask<IReadOnlyList<DocumentId>> ReferrersAsync(DocumentId id, int max, CancellationToken stop);

    /// <summary>Documents that have expired and are still there.</summary>
    ValueTask<IReadOnlyList<DocumentRecord>> ExpiredAsync(DateTimeOffset now, int max, CancellationToken stop);

    /// <summary>What documents take in the store, and when they were last written.</summary>
    ValueTask RecordSizesAsync(IReadOnlyList<StoredSize> sizes, CancellationToken stop);

    /// <summary>Removes sessions and API tokens that ended before <paramref name="before"/>.</summary>
    ValueTask SweepCredentialsAsync(DateTimeOffset before, CancellationToken stop);
}

public sealed record UserRecord(string Id, string? Email, string? Name, DocumentId UserDocument, UserQuotas Quotas, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt);

/// <summary>Bytes, and a number of documents.</summary>
public sealed record UserQuotas(long MaxDocuments, long MaxDocumentSize, long MaxTotalStorage, long MaxBlobStorage, long MaxBlobSize);

/// <param name="StorageBytes">Of all documents together.</param>
/// <param name="BlobBytes">Of the blobs that he or his documents have claimed, and of uploads under way.</param>
public sealed record UserUsage(long Documents, long StorageBytes, long BlobBytes = 0);

/// <param name="SignedInAt">Renewals keep it: a session lives 30 days at most.</param>
/// <param name="EndedAt">Null while it lives.</param>
public sealed record SessionRecord(string Id, string UserId, DateTimeOffset SignedInAt, DateTimeOffset ExpiresAt, DateTimeOffset? EndedAt);

/// <param name="Scopes">Null for no limit.</param>
public sealed record TokenRecord(
    string Id, string UserId, string Name, IReadOnlyList<string>? Scopes, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? LastUsedAt);

/// <param name="Principal">A user's id, <c>public</c>, or any name of a document.</param>
public readonly record struct AclEntry(string Principal, Permission Permission);

/// <summary>A document as a thing that has an owner.</summary>
public sealed record DocumentRecord
{
    /// <summary>Its id in the API: base58check, <c>doc:&lt;uuid&gt;</c>, a slug, <c>app:&lt;appId&gt;</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Its id on the wire.</summary>
    public required DocumentId AutomergeId { get; init; }

    public required string OwnerId { get; init; }

    public string? Type { get; init; }

    /// <summary>Its owner's alone for ever: no type and no access list changes that. Null for other documents.</summary>
    public string? AppId { get; init; }

    /// <summary>Bytes stored.</summary>
    public long Size { get; init; }

    /// <summary>From then on it is not there any more.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Grows with every change of access list, type or expiration; the API's entity tag.</summary>
    public long Version { get; init; } = 1;

    public IReadOnlyList<AclEntry> Acl { get; init; } = [];

    public bool IsApp => AppId is not null;
}

/// <param name="Limit">At least 1.</param>
/// <param name="After">The cursor of the page before; null for the first page.</param>
public readonly record struct PageRequest(int Limit, string? After);

/// <summary>Where a page ended: when its last document was made, and its place in the store.</summary>
public readonly record struct PageCursor(long CreatedAtMs, long Row)
{
    /// <summary>Before the newest.</summary>
    public static readonly PageCursor Start = new(long.MaxValue, long.MaxValue);

    /// <exception cref="ArgumentException">It is none of ours.</exception>
    public static PageCursor Parse(string text) => TryParse(text, out PageCursor cursor) ? cursor : throw new ArgumentException("not a cursor of ours", nameof(text));

    public static bool TryParse(string? text, out PageCursor cursor)
    {
        cursor = default;
        if (text is null || text.IndexOf('-', StringComparison.Ordinal) is var dash && dash < 0) return false;
        if (!long.TryParse(text.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out long createdAt)
            || !long.TryParse(text.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long row))
        {
            return false;
        }

        cursor = new PageCursor(createdAt, row);
        return true;
    }

    /// <summary>Digits and one hyphen: safe in a URL.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{CreatedAtMs}-{Row}");
}

public readonly record struct StoredSize(DocumentId Id, long Bytes, DateTimeOffset WrittenAt);

public enum RegisterResult : byte
{
    Registered,

    /// <summary>The id is another document's, or a user document's, or was that of a deleted document of somebody else. Ids and automerge ids share one namespace.</summary>
    IdTaken,

    /// <summary>The same of the automerge id.</summary>
    AutomergeIdTaken,

    /// <summary>The owner has as many documents as he may: <see cref="RegisterOutcome.Current"/>.</summary>
    QuotaExceeded,

    /// <summary>There is no such user.</summary>
    NoUser,
}

/// <param name="Current">How many documents the owner has now.</param>
public readonly record struct RegisterOutcome(RegisterResult Result, long Current)
{
    /// <summary>As it is stored now; null if it was refused.</summary>
    public DocumentRecord? Document { get; init; }
}

public enum ChangeOutcome : byte
{
    Changed,
    NotFound,

    /// <summary>The version is another one by now.</summary>
    Moved,

    /// <summary>An app document stays private.</summary>
    Private,
}
