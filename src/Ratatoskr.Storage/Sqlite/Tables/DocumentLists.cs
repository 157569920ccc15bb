using System.Globalization;
using System.Runtime.InteropServices;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Tables;

/// <summary>Many documents at a time, and what leads from one to another.</summary>
internal static class DocumentLists
{
    public static DocumentPage Owned(Connection connection, string userId, int limit, PageCursor after, DateTimeOffset now) =>
        Page(connection, connection.Prepare(Sql.ListOwned).Set("$user", userId), limit, after, now);

    public static DocumentPage Accessible(Connection connection, string userId, bool includePublic, int limit, PageCursor after, DateTimeOffset now) =>
        Page(connection, connection.Prepare(Sql.ListAccessible).Set("$user", userId).Set("$public", includePublic ? 1L : 0L), limit, after, now);

    public static List<DocumentId> Referrers(Connection connection, DocumentId id, int max) =>
        connection.Prepare(Sql.Referrers).Set("$id", id.ToString()).Set("$limit", max + 1L).All(row => Rows.Id(row, 0));

    public static List<DocumentRecord> Expired(Connection connection, DateTimeOffset now, int max) =>
        WithAcls(connection, connection.Prepare(Sql.Expired).Set("$now", now).Set("$limit", (long)max).All(Rows.Document));

    // One more than asked for is read: whether it is there says whether there is a next page.
    private static DocumentPage Page(Connection connection, Statement list, int limit, PageCursor after, DateTimeOffset now)
    {
        List<DocumentRow> rows = list
            .Set("$now", now).Set("$createdAt", after.CreatedAtMs).Set("$row", after.Row).Set("$limit", limit + 1L)
            .All(Rows.Document);
        string? next = null;
        if (rows.Count > limit)
        {
            rows.RemoveAt(limit);
            next = new PageCursor(rows[^1].Document.CreatedAt.ToUnixTimeMilliseconds(), rows[^1].Row).ToString();
        }

        return new DocumentPage(WithAcls(connection, rows), next);
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
