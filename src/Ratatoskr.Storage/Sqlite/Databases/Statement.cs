using Microsoft.Data.Sqlite;

namespace Ratatoskr.Storage.Sqlite.Databases;

/// <summary>A prepared statement and its values, which are set anew for each run.</summary>
/// <remarks>Its connection's thread.</remarks>
internal sealed class Statement(SqliteCommand command) : IDisposable
{
    private bool _prepared;

    public Statement Set(string name, object? value)
    {
        int index = command.Parameters.IndexOf(name);
        if (index >= 0) command.Parameters[index].Value = value ?? DBNull.Value;
        else command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return this;
    }

    public Statement Set(string name, DateTimeOffset? value) => Set(name, value is { } time ? (object)time.ToUnixTimeMilliseconds() : null);

    /// <returns>Rows changed.</returns>
    public int Execute()
    {
        Prepare();
        return command.ExecuteNonQuery();
    }

    /// <summary>The first column of the first row, which must be there.</summary>
    public long Number()
    {
        Prepare();
        return (long)command.ExecuteScalar()!;
    }

    /// <summary>The first row, made into something; null for none.</summary>
    public T? One<T>(Func<SqliteDataReader, T> make)
        where T : class
    {
        Prepare();
        using SqliteDataReader reader = command.ExecuteReader();
        return reader.Read() ? make(reader) : null;
    }

    public List<T> All<T>(Func<SqliteDataReader, T> make)
    {
        Prepare();
        using SqliteDataReader reader = command.ExecuteReader();
        List<T> all = [];
        while (reader.Read()) all.Add(make(reader));
        return all;
    }

    public void Dispose() => command.Dispose();

    private void Prepare()
    {
        if (_prepared) return;
        command.Prepare();
        _prepared = true;
    }
}
