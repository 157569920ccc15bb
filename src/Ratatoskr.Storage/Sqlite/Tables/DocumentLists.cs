using System.Globalization;
using System.Runtime.InteropServices;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Tables;

/// <summary>Many documents at a time, and what leads from one to another.</summary>
internal static class DocumentLists
{
    private delegate void AddRow(IDocumentRows rows, in ListedDocument document);

    public static ListEnds List(Connection connection, string userId, ListRequest request, DateTimeOffset now, IDocumentRows rows)
    {
        string? owned = null, accessible = null;
        if (request.Owned is { } first)
        {
            owned = Page(connection.PrepareRows(Sql.ListOwned).Set("$user", userId), first, now, rows, static (IDocumentRows to, in ListedDocument document) => to.AddOwned(document));
        }

        if (request.Accessible is { } second)
        {
            RowCursor list = connection.PrepareRows(Sql.ListAccessible).Set("$user", userId).Set("$public", request.IncludePublic ? 1 : 0);
            accessible = Page(list, second, now, rows, static (IDocumentRows to, in ListedDocument document) => to.AddAccessible(document));
        }

        return new ListEnds(owned, accessible);
    }

    public static List<DocumentId> Referrers(Connection connection, DocumentId id, int max) =>
        connection.Prepare(Sql.Referrers).Set("$id", id.ToString()).Set("$limit", max + 1L).All(row => Rows.Id(row, 0));

    public static List<DocumentRecord> Expired(Connection connection, DateTimeOffset now, int max) =>
        WithAcls(connection, connection.Prepare(Sql.Expired).Set("$now", now).Set("$limit", (long)max).All(Rows.Document));

    // One more than asked for is read: whether it is there says whether there is a next page.
    private static string? Page(RowCursor list, PageRequest page, DateTimeOffset now, IDocumentRows rows, AddRow add)
    {
        PageCursor last = page.After is null ? PageCursor.Start : PageCursor.Parse(page.After);
        list.Set("$now", now.ToUnixTimeMilliseconds()).Set("$createdAt", last.CreatedAtMs).Set("$row", last.Row).Set("$limit", page.Limit + 1L);
        try
        {
            for (int count = 1; list.Read(); count++)
            {
                if (count > page.Limit) return last.ToString();
                ListedDocument document = Listed(list);
                add(rows, document);
                if (count == page.Limit) last = new PageCursor(document.CreatedAtMs, list.Number(0));
            }

            return null;
        }
        finally
        {
            list.Reset();
        }
    }

    // By the order of the list's columns in Sql.
    private static ListedDocument Listed(RowCursor row)
    {
        bool hasType = !row.IsNull(4);
        return new ListedDocument
        {
            Id = row.Text(1),
            AutomergeId = row.Text(2),
            OwnerId = row.Text(3),
            Type = hasType ? row.Text(4) : default,
            HasType = hasType,
            Size = row.Number(5),
            ExpiresAtMs = row.IsNull(6) ? null : row.Number(6),
            CreatedAtMs = row.Number(7),
            UpdatedAtMs = row.Number(8),
        };
    }

    private static List<DocumentRecord> WithAcls(Connection connection, List<DocumentRow> rows)
    {
        Dictionary<long, List<AclEntry>> acls = Acls(connection, rows);
        List<DocumentRecord> documents = new(rows.Count);
        foreach ((long row, DocumentRecord document) in rows) documents.Add(acls.TryGetValue(row, out List<AclEntry>? acl) ? document with { Acl = acl } : document);
        return documents;
    }

    private static Dictionary<long, List<AclEntry>> Acls(Connection connection, List<DocumentRow> rows)
    {
        Dictionary<long, List<AclEntry>> acls = [];
        if (rows.Count == 0) return acls;
        string json = $"[{string.Join(',', rows.Select(r => r.Row.ToString(CultureInfo.InvariantCulture)))}]";
        foreach ((long row, AclEntry entry) in connection.Prepare(Sql.Acls).Set("$rows", json).All(r => (r.GetInt64(0), Rows.AclEntry(r, 1))))
        {
            ref List<AclEntry>? acl = ref CollectionsMarshal.GetValueRefOrAddDefault(acls, row, out _);
            (acl ??= []).Add(entry);
        }

        return acls;
    }
}
