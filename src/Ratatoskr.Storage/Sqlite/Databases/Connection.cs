using Microsoft.Data.Sqlite;

namespace Ratatoskr.Storage.Sqlite.Databases;

/// <summary>A connection with its statements, each prepared at its first use and kept.</summary>
/// <remarks>One thread at a time. Statements are constants of <see cref="Sql"/>, so their number is bounded.</remarks>
internal sealed class Connection(SqliteConnection connection, string file) : IDisposable
{
    private readonly Dictionary<string, Statement> _statements = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, RowCursor> _cursors = new(ReferenceEqualityComparer.Instance);

    public string File => file;

    /// <summary>The statement, without values. Good until the next call for the same one.</summary>
    public Statement Prepare(string sql)
    {
        if (!_statements.TryGetValue(sql, out Statement? statement))
        {
            SqliteCommand command = connection.CreateCommand();
            command.CommandText = sql;
            statement = new Statement(command);
            _statements.Add(sql, statement);
        }

        return statement;
    }

    /// <summary>The same for a statement whose rows are many, or that has no values and runs with every call: without the objects of a command.</summary>
    public RowCursor PrepareRows(string sql)
    {
        if (!_cursors.TryGetValue(sql, out RowCursor? cursor)) _cursors.Add(sql, cursor = new RowCursor(connection.Handle!, sql));
        return cursor;
    }

    /// <summary>Runs what has no values and is not worth keeping: pragmas, migrations.</summary>
    public void Execute(string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <inheritdoc cref="Execute"/>
    public T Scalar<T>(string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return (T)command.ExecuteScalar()!;
    }

    /// <summary>Whether a transaction is open. SQLite ends it by itself after some failures.</summary>
    public bool InTransaction => SQLitePCL.raw.sqlite3_get_autocommit(connection.Handle) == 0;

    /// <summary>Ends a transaction that failed, if SQLite has not done so already. What still fails then will fail the next one too.</summary>
    public void TryRollBack()
    {
        try
        {
            if (InTransaction) Execute("ROLLBACK");
        }
        catch (SqliteException)
        {
        }
    }

    public void Dispose()
    {
        foreach (Statement statement in _statements.Values) statement.Dispose();
        foreach (RowCursor cursor in _cursors.Values) cursor.Dispose();
        connection.Dispose();
    }
}
