namespace Ratatoskr.Engine.Storage;

/// <param name="Owned">null: none of these.</param>
/// <param name="Accessible">null: none of those.</param>
/// <param name="IncludePublic">Those shared with everybody too.</param>
public readonly record struct ListRequest(PageRequest? Owned, PageRequest? Accessible, bool IncludePublic);

/// <summary>The cursors of the pages after; null at a list's end.</summary>
public readonly record struct ListEnds(string? Owned, string? Accessible);

/// <summary>Takes documents as the store reads them, so that a page of a thousand is not a thousand objects first.</summary>
/// <remarks>Called on a thread of the store: short, never blocks.</remarks>
public interface IDocumentRows
{
    void AddOwned(in ListedDocument document);

    void AddAccessible(in ListedDocument document);
}

/// <summary>A document in a list. Texts are UTF-8 where the store has them: good until the call returns.</summary>
public readonly ref struct ListedDocument
{
    public required ReadOnlySpan<byte> Id { get; init; }

    public required ReadOnlySpan<byte> AutomergeId { get; init; }

    public required ReadOnlySpan<byte> OwnerId { get; init; }

    public required ReadOnlySpan<byte> Type { get; init; }

    /// <summary>Whether it has a type, which may be empty.</summary>
    public required bool HasType { get; init; }

    /// <summary>Bytes stored.</summary>
    public required long Size { get; init; }

    /// <summary>Unix milliseconds, as the times below.</summary>
    public required long? ExpiresAtMs { get; init; }

    public required long CreatedAtMs { get; init; }

    public required long UpdatedAtMs { get; init; }
}
