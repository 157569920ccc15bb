using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Tables;

/// <summary>Sessions and API tokens.</summary>
internal static class UserCredentials
{
    public static int AddSession(Connection connection, SessionRecord session) => connection.Prepare(Sql.AddSession)
        .Set("$id", session.Id)
        .Set("$user", session.UserId)
        .Set("$signedInAt", session.SignedInAt)
        .Set("$expiresAt", session.ExpiresAt)
        .Set("$endedAt", session.EndedAt)
        .Execute();

    public static SessionRecord? FindSession(Connection connection, string id) => connection.Prepare(Sql.FindSession).Set("$id", id).One(Rows.Session);

    public static bool EndSession(Connection connection, string id, DateTimeOffset now) =>
        connection.Prepare(Sql.EndSession).Set("$id", id).Set("$now", now).Execute() > 0;

    public static int AddToken(Connection connection, TokenRecord token, byte[] keyedHash) => connection.Prepare(Sql.AddToken)
        .Set("$id", token.Id)
        .Set("$user", token.UserId)
        .Set("$name", token.Name)
        .Set("$hash", keyedHash)
        .Set("$scopes", Rows.WriteScopes(token.Scopes))
        .Set("$createdAt", token.CreatedAt)
        .Set("$expiresAt", token.ExpiresAt)
        .Set("$lastUsedAt", token.LastUsedAt)
        .Execute();

    public static TokenRecord? FindToken(Connection connection, byte[] keyedHash) => connection.Prepare(Sql.FindToken).Set("$hash", keyedHash).One(Rows.Token);

    public static List<TokenRecord> ListTokens(Connection connection, string userId) => connection.Prepare(Sql.ListTokens).Set("$user", userId).All(Rows.Token);

    public static bool RemoveToken(Connection connection, string userId, string tokenId) =>
        connection.Prepare(Sql.RemoveToken).Set("$id", tokenId).Set("$user", userId).Execute() > 0;

    /// <returns>Rows removed by the statement that removed most; <paramref name="limit"/> if there may be more.</returns>
    public static int Sweep(Connection connection, DateTimeOffset before, int limit)
    {
        int most = 0;
        foreach (string sql in (ReadOnlySpan<string>)[Sql.SweepExpiredSessions, Sql.SweepEndedSessions, Sql.SweepTokens])
        {
            most = Math.Max(most, connection.Prepare(sql).Set("$before", before).Set("$limit", limit).Execute());
        }

        return most;
    }
}
