using System.Text;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Storage.Tests.Sqlite;

/// <summary>A row of a list, kept.</summary>
internal sealed record ListedRow(string Id, string AutomergeId, string OwnerId, string? Type, long Size, long? ExpiresAtMs, long CreatedAtMs, long UpdatedAtMs);

/// <summary>What a list brought.</summary>
internal sealed class ListedPages : IDocumentRows
{
    public List<ListedRow> Owned { get; } = [];

    public List<ListedRow> Accessible { get; } = [];

    public ListEnds Ends { get; set; }

    public void AddOwned(in ListedDocument document)
    {
        Assert.Empty(Accessible);
        Owned.Add(Keep(document));
    }

    public void AddAccessible(in ListedDocument document) => Accessible.Add(Keep(document));

    private static ListedRow Keep(in ListedDocument document) => new(
        Encoding.UTF8.GetString(document.Id),
        Encoding.UTF8.GetString(document.AutomergeId),
        Encoding.UTF8.GetString(document.OwnerId),
        document.HasType ? Encoding.UTF8.GetString(document.Type) : null,
        document.Size,
        document.ExpiresAtMs,
        document.CreatedAtMs,
        document.UpdatedAtMs);
}

internal static class ListedPagesExtensions
{
    public static Task<ListedPages> ListOwnedAsync(this IAccountStore store, string userId, PageRequest page) => ListAsync(store, userId, new ListRequest(page, null, false));

    public static Task<ListedPages> ListAccessibleAsync(this IAccountStore store, string userId, bool includePublic, PageRequest page) =>
        ListAsync(store, userId, new ListRequest(null, page, includePublic));

    public static async Task<ListedPages> ListAsync(this IAccountStore store, string userId, ListRequest request)
    {
        ListedPages pages = new();
        pages.Ends = await store.ListAsync(userId, request, pages, CancellationToken.None);
        return pages;
    }
}
