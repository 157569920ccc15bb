using Microsoft.Data.Sqlite;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Tables;

/// <summary>What keeps blobs alive, and who pays for it. Triggers count; whoever removes a claim says when.</summary>
internal static class BlobClaims
{
    private static readonly RoomOutcome s_notFound = new(RoomResult.NotFound, 0, 0, null);

    public static BlobClaim? Find(Connection connection, string userId, BlobHash hash) =>
        connection.Prepare(Sql.FindUserClaim).Set("$hash", Rows.Write(hash)).Set("$user", userId).One(Rows.Claim);

    public static BlobClaim? Find(Connection connection, DocumentId id, BlobHash hash) =>
        FindDocument(connection, id) is { } document ? Find(connection, document, hash) : null;

    public static List<BlobHolder> Holders(Connection connection, BlobHash hash, long after, int max) =>
        connection.Prepare(Sql.BlobHolders).Set("$hash", Rows.Write(hash)).Set("$after", after).Set("$limit", (long)max).All(Rows.Holder);

    /// <summary>A blob that has just come, whether or not others have it.</summary>
    public static RoomOutcome AddNew(Connection connection, string userId, BlobRecord blob, UserQuotas defaults)
    {
        RoomOutcome outcome = LookForRoom(connection, userId, blob.Hash, blob.Size, defaults);
        if (outcome.Result != RoomResult.Done) return outcome;
        BlobRows.AddIfMissing(connection, blob);
        return outcome with { Claim = Add(connection, userId, blob.Hash, blob.MimeType, blob.CreatedAt) };
    }

    /// <returns>What <see cref="AddNew"/> would say.</returns>
    public static RoomOutcome LookForRoom(Connection connection, string userId, BlobHash hash, long size, UserQuotas defaults)
    {
        if (BlobRoom.Find(connection, userId, defaults) is not { } room) return s_notFound;
        if (Find(connection, userId, hash) is { } there) return room.There(there);
        if (size > room.SizeMax) return room.TooLarge();
        return room.Has(size) ? room.Done(size, claim: null) : room.Exceeded();
    }

    // How large a single blob may be is a limit on uploads: what others have uploaded is claimed as long as there is room.
    public static RoomOutcome Claim(Connection connection, string userId, BlobHash hash, string mimeType, DateTimeOffset now, UserQuotas defaults)
    {
        if (BlobRows.Find(connection, hash) is not { } blob || BlobRoom.Find(connection, userId, defaults) is not { } room) return s_notFound;
        if (Find(connection, userId, hash) is { } there) return room.There(there);
        return room.Has(blob.Size) ? room.Done(blob.Size, Add(connection, userId, hash, mimeType, now)) : room.Exceeded();
    }

    public static RoomOutcome Claim(Connection connection, DocumentId id, BlobHash hash, string mimeType, DateTimeOffset now, UserQuotas defaults)
    {
        if (BlobRows.Find(connection, hash) is not { } blob || FindDocument(connection, id) is not { } document) return s_notFound;
        BlobRoom room = BlobRoom.Find(connection, document.OwnerId, defaults)!;
        if (Find(connection, document, hash) is { } there) return room.There(there);
        if (!room.Has(blob.Size)) return room.Exceeded();
        connection.Prepare(Sql.AddDocumentClaim)
            .Set("$hash", Rows.Write(hash)).Set("$row", document.Row).Set("$owner", document.OwnerId).Set("$mimeType", mimeType).Set("$now", now)
            .Execute();
        return room.Done(blob.Size, Find(connection, document, hash));
    }

    /// <returns>As it is stored.</returns>
    public static BlobClaim Add(Connection connection, string userId, BlobHash hash, string mimeType, DateTimeOffset now)
    {
        connection.Prepare(Sql.AddUserClaim).Set("$hash", Rows.Write(hash)).Set("$user", userId).Set("$mimeType", mimeType).Set("$now", now).Execute();
        return Find(connection, userId, hash)!;
    }

    public static bool Release(Connection connection, string userId, BlobHash hash, DateTimeOffset now) =>
        Released(connection, connection.Prepare(Sql.RemoveUserClaim).Set("$hash", Rows.Write(hash)).Set("$user", userId).Execute(), now);

    public static bool Release(Connection connection, DocumentId id, BlobHash hash, DateTimeOffset now) =>
        Released(connection, connection.Prepare(Sql.RemoveDocumentClaim).Set("$hash", Rows.Write(hash)).Set("$id", id.ToString()).Execute(), now);

    public static BlobPage List(Connection connection, string userId, int limit, int offset)
    {
        List<BlobClaim> claims = Page(connection.Prepare(Sql.ListUserClaims).Set("$user", userId), limit, offset);
        return connection.Prepare(Sql.UserClaimTotals).Set("$user", userId).One(row => new BlobPage(claims, row.GetInt64(0), row.GetInt64(1), row.GetInt64(2)))
            ?? new BlobPage(claims, 0, 0, 0);
    }

    public static BlobPage List(Connection connection, DocumentId id, int limit, int offset)
    {
        if (FindDocument(connection, id) is not { } document) return new BlobPage([], 0, 0, 0);
        return new BlobPage(Page(connection.Prepare(Sql.ListDocumentClaims).Set("$row", document.Row), limit, offset), document.Blobs, document.BlobBytes, 0);
    }

    private static bool Released(Connection connection, int claims, DateTimeOffset now)
    {
        if (claims == 0) return false;
        connection.Prepare(Sql.BlobsReleased).Set("$now", now).Execute();
        return true;
    }

    private static List<BlobClaim> Page(Statement list, int limit, int offset) => list.Set("$limit", (long)limit).Set("$offset", (long)offset).All(Rows.Claim);

    private static BlobClaim? Find(Connection connection, Holder document, BlobHash hash) =>
        connection.Prepare(Sql.FindDocumentClaim).Set("$hash", Rows.Write(hash)).Set("$row", document.Row).One(Rows.Claim);

    private static Holder? FindDocument(Connection connection, DocumentId id) => connection.Prepare(Sql.DocumentClaimTotals).Set("$id", id.ToString())
        .One((SqliteDataReader row) => new Holder(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetString(3)));

    private sealed record Holder(long Row, long Blobs, long BlobBytes, string OwnerId);
}
