using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Tables;

/// <summary>How much room for blobs a user has, as of this transaction; bytes.</summary>
/// <param name="Used">Own claims, those of his documents, and reservations.</param>
internal sealed record BlobRoom(long Used, long Uploads, long StorageMax, long SizeMax)
{
    /// <returns>null: no such user.</returns>
    public static BlobRoom? Find(Connection connection, string userId, UserQuotas defaults) => connection.Prepare(Sql.BlobRoom).Set("$user", userId).One(row =>
        new BlobRoom(row.GetInt64(0), row.GetInt64(1), Rows.Number(row, 2) ?? defaults.MaxBlobStorage, Rows.Number(row, 3) ?? defaults.MaxBlobSize));

    // Not by adding up: a size may be anything.
    public bool Has(long size) => size <= StorageMax - Used;

    public RoomOutcome TooLarge() => new(RoomResult.TooLarge, Used, SizeMax, null);

    public RoomOutcome Exceeded() => new(RoomResult.QuotaExceeded, Used, StorageMax, null);

    public RoomOutcome There(BlobClaim claim) => new(RoomResult.AlreadyClaimed, Used, StorageMax, claim);

    /// <param name="size">Bytes that are charged now and were not before.</param>
    public RoomOutcome Done(long size, BlobClaim? claim) => new(RoomResult.Done, Used + size, StorageMax, claim);
}
