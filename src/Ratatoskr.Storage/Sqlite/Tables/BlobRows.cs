using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Tables;

/// <summary>Blobs as such: there until nobody claims them for long enough.</summary>
internal static class BlobRows
{
    public static BlobRecord? Find(Connection connection, BlobHash hash) => connection.Prepare(Sql.FindBlob).Set("$hash", Rows.Write(hash)).One(Rows.Blob);

    /// <summary>Only before a claim on it, in the same transaction: a blob that never had one would not be collected before somebody releases another.</summary>
    public static void AddIfMissing(Connection connection, BlobRecord blob) => connection.Prepare(Sql.AddBlob)
        .Set("$hash", Rows.Write(blob.Hash))
        .Set("$size", blob.Size)
        .Set("$mimeType", blob.MimeType)
        .Set("$now", blob.CreatedAt)
        .Execute();

    public static List<BlobRecord> Page(Connection connection, BlobHash? after, int max) => connection.Prepare(Sql.BlobPage)
        .Set("$after", after is { } hash ? Rows.Write(hash) : Array.Empty<byte>())
        .Set("$limit", (long)max)
        .All(Rows.Blob);

    public static List<BlobHash> Unclaimed(Connection connection, DateTimeOffset since, int max) =>
        connection.Prepare(Sql.UnclaimedBlobs).Set("$since", since).Set("$limit", (long)max).All(row => Rows.Hash(row, 0));

    public static bool Forget(Connection connection, BlobHash hash, DateTimeOffset since) =>
        connection.Prepare(Sql.ForgetBlob).Set("$hash", Rows.Write(hash)).Set("$since", since).Execute() > 0;
}
