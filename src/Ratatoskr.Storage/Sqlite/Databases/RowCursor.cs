using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ratatoskr.Storage.Sqlite.Databases;

/// <summary>A prepared statement whose rows are read where SQLite has them: a list's row costs no object and no string.</summary>
/// <remarks>Its connection's thread. What a column gives is good until the next <see cref="Read"/>.</remarks>
internal sealed class RowCursor : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;

    /// <exception cref="SqliteException">SQLite does not understand it.</exception>
    public RowCursor(sqlite3 database, string sql)
    {
        _database = database;
        Check(raw.sqlite3_prepare_v2(database, sql, out _statement));
    }

    public RowCursor Set(string name, string value)
    {
        Check(raw.sqlite3_bind_text(_statement, Parameter(name), value));
        return this;
    }

    public RowCursor Set(string name, long value)
    {
        Check(raw.sqlite3_bind_int64(_statement, Parameter(name), value));
        return this;
    }

    /// <summary>Goes to the next row.</summary>
    /// <returns>false: there is none, and the statement is ready to run again.</returns>
    public bool Read()
    {
        int result = raw.sqlite3_step(_statement);
        if (result == raw.SQLITE_ROW) return true;
        Reset();
        if (result != raw.SQLITE_DONE) Check(result);
        return false;
    }

    /// <summary>Ends the reading before the last row: until then it holds on to the state of the database it has seen.</summary>
    public void Reset() => raw.sqlite3_reset(_statement);       // tells the failure of the step before once more

    public bool IsNull(int column) => raw.sqlite3_column_type(_statement, column) == raw.SQLITE_NULL;

    public long Number(int column) => raw.sqlite3_column_int64(_statement, column);

    /// <summary>UTF-8: the database's own encoding, so that a blob of a text is its bytes. Empty for null too.</summary>
    public ReadOnlySpan<byte> Text(int column) => raw.sqlite3_column_blob(_statement, column);

    public void Dispose() => _statement.Dispose();

    private int Parameter(string name)
    {
        int index = raw.sqlite3_bind_parameter_index(_statement, name);
        return index > 0 ? index : throw new ArgumentException("the statement has no such parameter", nameof(name));
    }

    private void Check(int result) => SqliteException.ThrowExceptionForRC(result, _database);
}
