using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Tables;

internal static class Users
{
    // 16 random bytes do not meet twice; a generator that is broken should say so and not go on for ever.
    private const int IdAttempts = 3;

    public static UserRecord? Find(Connection connection, string userId, UserQuotas defaults) =>
        connection.Prepare(Sql.FindUser).Set("$user", userId).One(row => Rows.User(row, defaults));

    public static UserUsage Usage(Connection connection, string userId) =>
        connection.Prepare(Sql.Usage).Set("$user", userId).One(row => new UserUsage(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2))) ?? new UserUsage(0, 0);

    public static UserRecord SignIn(Connection connection, string userId, string? email, string? name, SqliteAccountStoreOptions options)
    {
        DateTimeOffset now = options.Time.GetUtcNow();
        int updated = connection.Prepare(Sql.UpdateUser).Set("$user", userId).Set("$email", email).Set("$name", name).Set("$now", now).Execute();
        if (updated == 0)
        {
            connection.Prepare(Sql.AddUser)
                .Set("$user", userId).Set("$email", email).Set("$name", name).Set("$userDocument", FreeId(connection, userId, options.NewDocumentId)).Set("$now", now)
                .Execute();
        }

        return Find(connection, userId, options.DefaultQuotas)!;
    }

    private static string FreeId(Connection connection, string userId, Func<DocumentId> newId)
    {
        for (int attempt = 0; attempt < IdAttempts; attempt++)
        {
            string id = newId().ToString();
            if (!Documents.IsTaken(connection, id, userId)) return id;
        }

        throw new InvalidOperationException("new document ids repeat: the source of randomness is broken");
    }
}
