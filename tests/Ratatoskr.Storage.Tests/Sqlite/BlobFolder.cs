using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite;

namespace Ratatoskr.Storage.Tests.Sqlite;

/// <summary>What tests of the blobs' index want besides an <see cref="AccountFolder"/>.</summary>
internal static class BlobFolder
{
    public const string Png = "image/png";

    public static BlobHash Hash(string text) => BlobHash.From(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    public static BlobHash Hash(int number) => Hash(number.ToString(CultureInfo.InvariantCulture));

    public static BlobUpload Upload(this AccountFolder folder, string user, long size) => new()
    {
        Id = Guid.NewGuid(),
        UserId = user,
        Size = size,
        ChunkSize = 1024,
        MimeType = Png,
        CreatedAt = folder.Time.GetUtcNow(),
        ExpiresAt = folder.Time.GetUtcNow().AddHours(24),
    };

    public static async Task<DocumentId> RegisterAsync(this AccountFolder folder, SqliteAccountStore store, string owner)
    {
        DocumentRecord document = folder.Document(owner);
        Assert.Equal(RegisterResult.Registered, (await store.RegisterAsync(document, 1000, CancellationToken.None)).Result);
        return document.AutomergeId;
    }

    /// <summary>As an operator does it.</summary>
    public static void SetLimits(this AccountFolder folder, string user, long? storage, long? size) => folder.Change(
        $"UPDATE users SET max_blob_storage = {storage?.ToString(CultureInfo.InvariantCulture) ?? "NULL"}, max_blob_size = {size?.ToString(CultureInfo.InvariantCulture) ?? "NULL"} WHERE id = '{user}'");

    public static void Change(this AccountFolder folder, string sql)
    {
        using SqliteConnection connection = folder.Raw();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public static SqliteConnection Raw(this AccountFolder folder)
    {
        SqliteConnection connection = new($"Data Source={folder.File};Pooling=False");
        connection.Open();
        return connection;
    }

    /// <summary>When blobs without claims lost their last.</summary>
    public static Dictionary<BlobHash, DateTimeOffset> Released(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT hash, released_at FROM blobs WHERE released_at IS NOT NULL";
        using SqliteDataReader row = command.ExecuteReader();
        Dictionary<BlobHash, DateTimeOffset> released = [];
        while (row.Read()) released.Add(BlobHash.From(row.GetFieldValue<byte[]>(0)), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1)));
        return released;
    }

    /// <summary>Rows whose counters are not what counting gives, and blobs that wait for nothing.</summary>
    public static long Miscounted(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText =
            """
            SELECT (SELECT count(*) FROM users AS u WHERE
                   blob_count <> (SELECT count(*) FROM user_blob_claims WHERE user_id = u.id)
                OR blob_bytes <> (SELECT coalesce(sum(size), 0) FROM user_blob_claims JOIN blobs USING (hash) WHERE user_id = u.id)
                OR document_blob_bytes <> (SELECT coalesce(sum(b.size), 0) FROM documents AS d JOIN document_blob_claims ON document = d.row JOIN blobs AS b USING (hash) WHERE d.owner_id = u.id)
                OR upload_count <> (SELECT count(*) FROM blob_uploads WHERE user_id = u.id AND hash IS NULL)
                OR upload_bytes <> (SELECT coalesce(sum(size), 0) FROM blob_uploads WHERE user_id = u.id AND hash IS NULL))
            + (SELECT count(*) FROM documents AS d WHERE
                   blob_count <> (SELECT count(*) FROM document_blob_claims WHERE document = d.row)
                OR blob_bytes <> (SELECT coalesce(sum(size), 0) FROM document_blob_claims JOIN blobs USING (hash) WHERE document = d.row))
            + (SELECT count(*) FROM blobs AS b WHERE
                   claims <> (SELECT count(*) FROM user_blob_claims WHERE hash = b.hash) + (SELECT count(*) FROM document_blob_claims WHERE hash = b.hash)
                OR (claims = 0) <> (released_at IS NOT NULL))
            """;
        return (long)command.ExecuteScalar()!;
    }
}
