using System.Diagnostics;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Calls;

/// <summary>
/// The one writer. Takes all that waits, does it in one transaction, and answers after the commit: sixteen callers at once pay for one sync of the disk.
/// A write that fails is undone by itself and fails alone.
/// </summary>
/// <remarks>One thread of its own; others only add to <see cref="Queue"/> and <see cref="UsedTokens"/>.</remarks>
internal sealed class WriterThread : IDisposable
{
    private const string Begin = "BEGIN IMMEDIATE";
    private const string Commit = "COMMIT";
    private const string Mark = "SAVEPOINT one";
    private const string Undo = "ROLLBACK TO one";
    private const string Unmark = "RELEASE one";

    private readonly Connection _connection;
    private readonly SqliteAccountStoreOptions _options;
    private readonly List<Call> _group = [];
    private readonly List<Call> _done = [];
    private readonly Thread _thread;
    private long _tokensWritten;

    /// <param name="connection">Disposed with this.</param>
    public WriterThread(Connection connection, SqliteAccountStoreOptions options)
    {
        (_connection, _options) = (connection, options);
        Queue = new CallQueue(options.QueueLength, "write", connection.File);
        UsedTokens = new UsedTokens(options.Metrics);
        _tokensWritten = options.Time.GetTimestamp();
        _thread = new Thread(Run) { IsBackground = true, Name = "accounts writer" };
        _thread.Start();
    }

    public CallQueue Queue { get; }

    public UsedTokens UsedTokens { get; }

    /// <summary>Writes what waits, then closes the connection.</summary>
    public void Dispose()
    {
        Queue.Close();
        _thread.Join();
    }

    private void Run()
    {
        Task<bool>? waiting = null;
        while (Queue.Wait(_options.TokenUseInterval, ref waiting))
        {
            while (_group.Count < _options.GroupMax && Queue.TryTake(out Call? call))
            {
                if (call.TryTake()) _group.Add(call);
            }

            bool tokens = !UsedTokens.IsEmpty && _options.Time.GetElapsedTime(_tokensWritten) >= _options.TokenUseInterval;
            if (tokens) _group.Add(new Call<int>(WriteTokens, CancellationToken.None));
            if (_group.Count > 0) Write();
        }

        if (!UsedTokens.IsEmpty)
        {
            _group.Add(new Call<int>(WriteTokens, CancellationToken.None));
            Write();
        }

        _connection.Dispose();
    }

    private void Write()
    {
        using Activity? span = StoreMetrics.Traces.StartActivity("accounts commit");
        long start = _options.Time.GetTimestamp();
        try
        {
            _connection.Prepare(Begin).Execute();
            foreach (Call call in _group) Run(call);
            _connection.Prepare(Commit).Execute();
            _options.Metrics?.Wrote(_done.Count, _options.Time.GetElapsedTime(start));
        }
        catch (Exception e)
        {
            Fail(e);
            return;
        }

        foreach (Call call in _done) call.Complete();
        _group.Clear();
        _done.Clear();
    }

    private void Run(Call call)
    {
        _connection.Prepare(Mark).Execute();
        try
        {
            call.Run(_connection);
        }
        catch (Exception e) when (_connection.InTransaction)
        {
            _connection.Prepare(Undo).Execute();
            _connection.Prepare(Unmark).Execute();
            call.Refuse(Failures.Translate(e, "write", _connection.File));
            _options.Metrics?.AccountsFailed();
            return;
        }

        _connection.Prepare(Unmark).Execute();
        _done.Add(call);
    }

    // Refused like any other call if it fails, and nobody waits for it: a lost time of use is no more than that.
    private int WriteTokens(Connection connection)
    {
        _tokensWritten = _options.Time.GetTimestamp();
        Dictionary<string, DateTimeOffset> used = UsedTokens.Take();
        foreach ((string id, DateTimeOffset at) in used) connection.Prepare(Sql.TokenUsed).Set("$id", id).Set("$at", at).Execute();
        return used.Count;
    }

    // Nothing of the group was stored, unless the commit itself failed: then nobody knows, and nobody is told that it was.
    private void Fail(Exception reason)
    {
        _connection.TryRollBack();
        Exception answer = Failures.Translate(reason, "write", _connection.File);
        foreach (Call call in _group) call.Refuse(answer);
        _options.Metrics?.AccountsFailed();
        _group.Clear();
        _done.Clear();
        _options.Logger.WriteFailed(_connection.File, reason);
    }
}
