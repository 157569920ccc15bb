using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Calls;

/// <summary>Threads that read, each with a connection of its own. A call sees one state of the database, that of its start or a later one.</summary>
internal sealed class ReaderThreads : IDisposable
{
    private const string Begin = "BEGIN";
    private const string Commit = "COMMIT";

    private readonly List<Thread> _threads = [];
    private readonly StoreMetrics? _metrics;

    public ReaderThreads(string file, int count, int queueLength, StoreMetrics? metrics)
    {
        _metrics = metrics;
        Queue = new CallQueue(queueLength, "read", file);
        List<Connection> connections = [];
        try
        {
            for (int i = 0; i < count; i++) connections.Add(Database.OpenReader(file));
        }
        catch
        {
            foreach (Connection connection in connections) connection.Dispose();
            throw;
        }

        foreach (Connection connection in connections)
        {
            Thread thread = new(() => Run(connection)) { IsBackground = true, Name = "accounts reader" };
            _threads.Add(thread);
            thread.Start();
        }
    }

    public CallQueue Queue { get; }

    /// <summary>Answers what waits, then closes the connections.</summary>
    public void Dispose()
    {
        Queue.Close();
        foreach (Thread thread in _threads) thread.Join();
    }

    private void Run(Connection connection)
    {
        using (connection)
        {
            while (Queue.Take() is { } call) Run(call, connection);
        }
    }

    private void Run(Call call, Connection connection)
    {
        if (!call.TryTake()) return;
        try
        {
            connection.PrepareRows(Begin).Read();
            call.Run(connection);
            connection.PrepareRows(Commit).Read();
        }
        catch (Exception e)
        {
            call.Refuse(Failures.Translate(e, "read", connection.File));
            _metrics?.AccountsFailed();
            connection.TryRollBack();
            return;
        }

        call.Complete();
    }
}
