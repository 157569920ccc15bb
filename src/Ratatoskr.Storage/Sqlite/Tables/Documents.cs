using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Tables;

/// <summary>Documents with their access lists, one at a time.</summary>
internal static class Documents
{
    /// <summary>What anyone may be called in an access list; a document of that name would be given what everybody was.</summary>
    private const string Public = "public";

    public static bool IsTaken(Connection connection, string name, string ownerId) =>
        name == Public || connection.Prepare(Sql.IsTaken).Set("$name", name).Set("$owner", ownerId).Number() != 0;

    public static DocumentRecord? Find(Connection connection, DocumentId id) => WithAcl(connection, FindRow(connection, id));

    public static DocumentRecord? Find(Connection connection, string name) =>
        WithAcl(connection, connection.Prepare(Sql.FindDocumentByName).Set("$name", name).One(Rows.Document));

    /// <summary>In the writer's transaction, so that nobody comes between question and answer.</summary>
    public static RegisterOutcome Register(Connection connection, DocumentRecord document, long maxDocuments)
    {
        string automergeId = document.AutomergeId.ToString();
        if (connection.Prepare(Sql.Usage).Set("$user", document.OwnerId).One(row => (object)row.GetInt64(0)) is not long current) return new(RegisterResult.NoUser, 0);
        bool idTaken = document.AppId is null ? IsTaken(connection, document.Id, document.OwnerId) : FindApp(connection, document) is not null;
        if (idTaken) return new(RegisterResult.IdTaken, current);
        if (IsTaken(connection, automergeId, document.OwnerId)) return new(RegisterResult.AutomergeIdTaken, current);
        if (current >= maxDocuments) return new(RegisterResult.QuotaExceeded, current);

        connection.Prepare(Sql.RemoveTombstone).Set("$id", automergeId).Execute();
        long row = connection.Prepare(Sql.AddDocument)
            .Set("$id", document.Id)
            .Set("$automergeId", automergeId)
            .Set("$owner", document.OwnerId)
            .Set("$app", document.AppId)
            .Set("$type", document.Type)
            .Set("$size", document.Size)
            .Set("$expiresAt", document.ExpiresAt)
            .Set("$version", document.Version)
            .Set("$createdAt", document.CreatedAt)
            .Set("$updatedAt", document.UpdatedAt)
            .Number();
        AddEntries(connection, row, document.Acl);
        return new(RegisterResult.Registered, current + 1) { Document = Find(connection, document.AutomergeId) };
    }

    public static RegisterOutcome FindOrRegisterApp(Connection connection, DocumentRecord candidate, long maxDocuments)
    {
        if (FindApp(connection, candidate) is not { } there) return Register(connection, candidate, maxDocuments);
        return new(RegisterResult.Registered, Users.Usage(connection, candidate.OwnerId).Documents) { Document = there.Document };
    }

    public static ChangeOutcome SetAcl(Connection connection, DocumentId id, IReadOnlyList<AclEntry> acl, long? ifVersion, DateTimeOffset now)
    {
        if (FindRow(connection, id) is not { } found) return ChangeOutcome.NotFound;
        if (found.Document.IsApp) return ChangeOutcome.Private;
        if (ifVersion is { } version && version != found.Document.Version) return ChangeOutcome.Moved;
        connection.Prepare(Sql.ClearAcl).Set("$row", found.Row).Execute();
        AddEntries(connection, found.Row, acl);
        connection.Prepare(Sql.AclChanged).Set("$row", found.Row).Set("$now", now).Execute();
        return ChangeOutcome.Changed;
    }

    public static ChangeOutcome SetType(Connection connection, DocumentId id, string? type, DateTimeOffset now) =>
        Outcome(connection.Prepare(Sql.SetType).Set("$id", id.ToString()).Set("$type", type).Set("$now", now).Execute());

    public static ChangeOutcome SetExpiration(Connection connection, DocumentId id, DateTimeOffset? expiresAt, DateTimeOffset now) =>
        Outcome(connection.Prepare(Sql.SetExpiration).Set("$id", id.ToString()).Set("$expiresAt", expiresAt).Set("$now", now).Execute());

    public static ChangeOutcome Delete(Connection connection, DocumentId id, DateTimeOffset now)
    {
        if (FindRow(connection, id) is not { Document: var document } found) return ChangeOutcome.NotFound;
        connection.Prepare(Sql.ClearAcl).Set("$row", found.Row).Execute();
        connection.Prepare(Sql.DeleteDocument).Set("$row", found.Row).Execute();        // and with it its claims on blobs
        connection.Prepare(Sql.BlobsReleased).Set("$now", now).Execute();
        connection.Prepare(Sql.AddTombstone)
            .Set("$id", id.ToString())
            .Set("$name", document.IsApp ? id.ToString() : document.Id)
            .Set("$owner", document.OwnerId)
            .Set("$now", now)
            .Execute();
        return ChangeOutcome.Changed;
    }

    public static List<DocumentId> Unfreed(Connection connection, int max) =>
        connection.Prepare(Sql.Unfreed).Set("$limit", (long)max).All(row => Rows.Id(row, 0));

    public static bool Freed(Connection connection, DocumentId id) => connection.Prepare(Sql.Freed).Set("$id", id.ToString()).Execute() > 0;

    public static string? FormerOwner(Connection connection, DocumentId id) => connection.Prepare(Sql.FormerOwner).Set("$id", id.ToString()).One(row => row.GetString(0));

    public static int RecordSizes(Connection connection, ReadOnlySpan<StoredSize> sizes)
    {
        foreach (StoredSize size in sizes)
        {
            connection.Prepare(Sql.RecordSize).Set("$id", size.Id.ToString()).Set("$size", size.Bytes).Set("$at", size.WrittenAt).Execute();
        }

        return sizes.Length;
    }

    private static DocumentRecord? WithAcl(Connection connection, DocumentRow? row)
    {
        if (row is null || row.Document.IsApp) return row?.Document;
        List<AclEntry> acl = connection.Prepare(Sql.Acl).Set("$row", row.Row).All(r => Rows.AclEntry(r, 0));
        return acl.Count == 0 ? row.Document : row.Document with { Acl = acl };
    }

    private static DocumentRow? FindRow(Connection connection, DocumentId id) => connection.Prepare(Sql.FindDocument).Set("$id", id.ToString()).One(Rows.Document);

    private static DocumentRow? FindApp(Connection connection, DocumentRecord document) =>
        connection.Prepare(Sql.FindApp).Set("$owner", document.OwnerId).Set("$app", document.AppId).One(Rows.Document);

    private static void AddEntries(Connection connection, long row, IReadOnlyList<AclEntry> acl)
    {
        for (int i = 0; i < acl.Count; i++)
        {
            connection.Prepare(Sql.AddAclEntry)
                .Set("$row", row).Set("$position", (long)i).Set("$principal", acl[i].Principal).Set("$permission", (long)acl[i].Permission)
                .Execute();
        }
    }

    private static ChangeOutcome Outcome(int rows) => rows > 0 ? ChangeOutcome.Changed : ChangeOutcome.NotFound;
}
