using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Access;

/// <summary>Why the directory did not do what was asked.</summary>
public enum RefusalKind : byte
{
    /// <summary>What was asked makes no sense; the message names the field.</summary>
    Invalid,

    /// <summary>There is no such document, or no more.</summary>
    NotFound,

    /// <summary>The caller may not.</summary>
    Forbidden,

    /// <summary>His credential may not.</summary>
    InsufficientScope,

    /// <summary>A name is taken.</summary>
    Conflict,

    /// <summary>Somebody else has changed it meanwhile.</summary>
    Moved,

    /// <summary>The owner has as much as he may have.</summary>
    QuotaExceeded,

    /// <summary>The caller's account is gone.</summary>
    NoUser,
}

/// <summary>Why the directory did not do what was asked.</summary>
/// <param name="Message">For people; of a scope, which one is needed.</param>
/// <param name="Current">Of an exceeded quota: what is used.</param>
/// <param name="Limit">Of an exceeded quota: what there may be.</param>
public sealed record Refusal(RefusalKind Kind, string Message, long Current = 0, long Limit = 0);

/// <summary>A document, or why not.</summary>
/// <param name="Document">As it is after what was done.</param>
/// <param name="MayWrite">Whether the caller may change its content. That he may read it is certain.</param>
public readonly record struct DirectoryAnswer(DocumentRecord? Document, Refusal? Refusal, bool MayWrite = false)
{
    public static DirectoryAnswer Refuse(RefusalKind kind, string message) => new(null, new Refusal(kind, message));
}

/// <summary>What a caller wants a new document to be.</summary>
/// <param name="Id">Null: its automerge id is its id.</param>
/// <param name="AutomergeId">Null: what the id says, or a random one.</param>
public sealed record NewDocument(string? Id, string? AutomergeId, string? Type, IReadOnlyList<AclEntry> Acl, DateTimeOffset? ExpiresAt);
