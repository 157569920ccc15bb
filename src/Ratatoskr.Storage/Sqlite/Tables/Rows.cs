using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Data.Sqlite;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Storage.Sqlite.Tables;

/// <summary>Rows made into records; columns by their order in <see cref="Sql"/>.</summary>
internal static partial class Rows
{
    public static UserRecord User(SqliteDataReader row, UserQuotas defaults) => new(
        row.GetString(0),
        Text(row, 1),
        Text(row, 2),
        Id(row, 3),
        new UserQuotas(
            Number(row, 4) ?? defaults.MaxDocuments,
            Number(row, 5) ?? defaults.MaxDocumentSize,
            Number(row, 6) ?? defaults.MaxTotalStorage,
            Number(row, 7) ?? defaults.MaxBlobStorage,
            Number(row, 8) ?? defaults.MaxBlobSize),
        Time(row, 9),
        Time(row, 10));

    public static SessionRecord Session(SqliteDataReader row) => new(row.GetString(0), row.GetString(1), Time(row, 2), Time(row, 3), TimeOrNull(row, 4));

    public static TokenRecord Token(SqliteDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), ReadScopes(Text(row, 3)), Time(row, 4), TimeOrNull(row, 5), TimeOrNull(row, 6));

    /// <summary>A document as its row has it: the access list is another table's.</summary>
    public static DocumentRow Document(SqliteDataReader row) => new(
        row.GetInt64(0),
        new DocumentRecord
        {
            Id = row.GetString(1),
            AutomergeId = Id(row, 2),
            OwnerId = row.GetString(3),
            AppId = Text(row, 4),
            Type = Text(row, 5),
            Size = row.GetInt64(6),
            ExpiresAt = TimeOrNull(row, 7),
            Version = row.GetInt64(8),
            CreatedAt = Time(row, 9),
            UpdatedAt = Time(row, 10),
        });

    public static BlobRecord Blob(SqliteDataReader row) => new(Hash(row, 0), row.GetInt64(1), row.GetString(2), Time(row, 3));

    public static BlobClaim Claim(SqliteDataReader row) => new(Hash(row, 0), row.GetInt64(1), row.GetString(2), Time(row, 3));

    public static BlobHolder Holder(SqliteDataReader row) => new(Id(row, 0), row.GetString(1), row.GetString(2), row.GetInt64(3));

    public static BlobUpload Upload(SqliteDataReader row) => new()
    {
        Id = UploadId(row),
        UserId = row.GetString(1),
        Size = row.GetInt64(2),
        ChunkSize = row.GetInt32(3),
        MimeType = row.GetString(4),
        ExpectedHash = row.IsDBNull(5) ? null : Hash(row, 5),
        CreatedAt = Time(row, 6),
        ExpiresAt = Time(row, 7),
        Completed = row.IsDBNull(8) ? null : new CompletedUpload(Hash(row, 8), row.GetInt64(9) != 0),
    };

    public static Guid UploadId(SqliteDataReader row) => Guid.ParseExact(row.GetString(0), "D");

    public static BlobHash Hash(SqliteDataReader row, int column) => BlobHash.From(row.GetFieldValue<byte[]>(column));

    public static byte[] Write(BlobHash hash) => ((ReadOnlySpan<byte>)hash).ToArray();

    public static string Write(Guid upload) => upload.ToString("D");

    public static AclEntry AclEntry(SqliteDataReader row, int column) => new(row.GetString(column), (Permission)row.GetInt64(column + 1));

    public static DocumentId Id(SqliteDataReader row, int column) => DocumentId.FromTrusted(Encoding.ASCII.GetBytes(row.GetString(column)));

    public static string? WriteScopes(IReadOnlyList<string>? scopes) => scopes is null ? null : JsonSerializer.Serialize([.. scopes], Json.Default.StringArray);

    private static string[]? ReadScopes(string? json) => json is null ? null : JsonSerializer.Deserialize(json, Json.Default.StringArray);

    private static string? Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    public static long? Number(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    private static DateTimeOffset Time(SqliteDataReader row, int column) => DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column));

    private static DateTimeOffset? TimeOrNull(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : Time(row, column);

    [JsonSerializable(typeof(string[]))]
    private sealed partial class Json : JsonSerializerContext;
}

internal sealed record DocumentRow(long Row, DocumentRecord Document);
