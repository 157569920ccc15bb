using System.Text.Json.Serialization;

namespace Ratatoskr.Http.Contracts;

/// <summary>One line of an access list: <c>read</c> or <c>write</c> for a user, a document's readers, or <c>public</c>.</summary>
internal sealed record AclEntryBody(string Principal, string Permission);

/// <summary>The answer of a creation.</summary>
internal sealed record CreatedBody(string Id, string AutomergeId, string Owner, string? Type, IReadOnlyList<AclEntryBody> Acl, string CreatedAt, string? ExpiresAt);

/// <summary>A document without its content. The access list is for its owner's eyes.</summary>
internal sealed record DocumentBody(string Id, string AutomergeId, string Owner, string? Type, long Size, string? ExpiresAt, string CreatedAt, string UpdatedAt)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<AclEntryBody>? Acl { get; init; }
}

internal sealed record AppBody(string DocumentId, string AutomergeId);

internal sealed record AclBody(IReadOnlyList<AclEntryBody> Acl);

internal sealed record TypeBody(string? Type);

internal sealed record ExpirationBody(string? ExpiresAt);

/// <param name="Size">Bytes of the document as a file.</param>
internal sealed record ContentBody(bool Success, long Size, IReadOnlyList<string> Heads);

/// <param name="Timestamp">Seconds since 1970, as its author says; null for nothing said.</param>
/// <param name="Time">The same moment, ISO 8601.</param>
/// <param name="Index">From the oldest, which is 0.</param>
internal sealed record ChangeBody(string Hash, string Actor, uint Seq, long? Timestamp, string? Time, string? Message, uint OpsCount, int Index);

internal sealed record HistoryBody(IReadOnlyList<ChangeBody> Changes, int TotalChanges, IReadOnlyList<string> CurrentHeads);

/// <summary>More of something than there may be.</summary>
internal sealed record QuotaErrorBody(string Error, string Message, string Quota, long Current, long Limit);

/// <summary>Too much in too little time.</summary>
internal sealed record RateErrorBody(string Error, string Message, long RetryAfter);
