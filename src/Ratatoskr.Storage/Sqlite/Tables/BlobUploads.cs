using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Tables;

/// <summary>Uploads: a reservation until they are completed, an answer to remember until they expire.</summary>
internal static class BlobUploads
{
    public static RoomOutcome Begin(Connection connection, BlobUpload upload, int uploadsMax, UserQuotas defaults)
    {
        if (BlobRoom.Find(connection, upload.UserId, defaults) is not { } room) return new(RoomResult.NotFound, 0, 0, null);
        if (upload.Size > room.SizeMax) return room.TooLarge();
        if (room.Uploads >= uploadsMax) return new(RoomResult.TooManyUploads, room.Uploads, uploadsMax, null);
        if (!room.Has(upload.Size)) return room.Exceeded();
        connection.Prepare(Sql.AddUpload)
            .Set("$id", Rows.Write(upload.Id))
            .Set("$user", upload.UserId)
            .Set("$size", upload.Size)
            .Set("$chunkSize", (long)upload.ChunkSize)
            .Set("$mimeType", upload.MimeType)
            .Set("$expectedHash", upload.ExpectedHash is { } hash ? Rows.Write(hash) : null)
            .Set("$createdAt", upload.CreatedAt)
            .Set("$expiresAt", upload.ExpiresAt)
            .Execute();
        return room.Done(upload.Size, null);
    }

    public static BlobUpload? Find(Connection connection, Guid id) => connection.Prepare(Sql.FindUpload).Set("$id", Rows.Write(id)).One(Rows.Upload);

    public static List<Guid> Open(Connection connection) => connection.Prepare(Sql.OpenUploads).All(Rows.UploadId);

    public static List<Guid> Expired(Connection connection, DateTimeOffset now, int max) =>
        connection.Prepare(Sql.ExpiredUploads).Set("$now", now).Set("$limit", (long)max).All(Rows.UploadId);

    // No limit is compared: the room was reserved at the beginning.
    public static BlobUpload? Complete(Connection connection, Guid id, BlobHash hash, DateTimeOffset now)
    {
        if (Find(connection, id) is not { Completed: null } upload) return Find(connection, id);
        bool deduplicated = BlobClaims.Find(connection, upload.UserId, hash) is not null;
        if (!deduplicated)
        {
            BlobRows.AddIfMissing(connection, new BlobRecord(hash, upload.Size, upload.MimeType, now));
            BlobClaims.Add(connection, upload.UserId, hash, upload.MimeType, now);
        }

        connection.Prepare(Sql.UploadCompleted).Set("$id", Rows.Write(id)).Set("$hash", Rows.Write(hash)).Set("$deduplicated", deduplicated ? 1L : 0L).Execute();
        return upload with { Completed = new CompletedUpload(hash, deduplicated) };
    }

    public static bool End(Connection connection, Guid id) => connection.Prepare(Sql.RemoveUpload).Set("$id", Rows.Write(id)).Execute() > 0;
}
