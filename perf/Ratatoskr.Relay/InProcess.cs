using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Ratatoskr.Engine;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;
using Ratatoskr.Storage.Embedded;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Relay;

/// <summary>
/// What shards bring: two writers in this process, each on a thread of its own and with documents of its own, and nothing beside the engine: no sockets, a store in memory.
/// With two shards each writer has one to himself.
/// </summary>
internal static class InProcess
{
    private const int Writers = 2;
    private const int DocumentsEach = 250;
    private const int WarmRounds = 40;

    // What one read of a socket brings, and how much may be under way.
    private const int Batch = 10;
    private const int OutstandingMax = 50;

    /// <returns>Acknowledged edits per second.</returns>
    public static async Task<double> EditsPerSecondAsync(int shards, int rounds)
    {
        EmbeddedControlLog control = new();
        await using SyncEngine engine = new(new SyncEngineOptions
        {
            Store = new InMemoryChunkStore(),
            Control = control,
            Feed = new SilentNodeFeed(),
            Authenticator = new OpenAuthenticator(),
            Access = new OpenAccessPolicy(control),
            Time = TimeProvider.System,
            Log = new EngineLog(NullLogger.Instance),
            StorageId = "relay",
            HashKey = 1,
            Shards = shards,
        });
        Writer[] writers = new Writer[Writers];
        for (int i = 0; i < Writers; i++)
        {
            int own = i;
            DocumentId[] documents = [.. Enumerable.Range(0, int.MaxValue).Select(Edits.Document).Where(id => DocumentId.StableHash(id.Text) % Writers == own).Take(DocumentsEach)];
            writers[i] = new Writer(engine, $"writer-{i}", documents, WarmRounds + rounds);
            await writers[i].JoinAsync();
        }

        RunAll(writers, 0, WarmRounds);
        long started = Stopwatch.GetTimestamp();
        RunAll(writers, WarmRounds, WarmRounds + rounds);
        return (long)rounds * Writers * DocumentsEach / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static void RunAll(Writer[] writers, int from, int to)
    {
        Thread[] threads = [.. writers.Select(writer => new Thread(() => writer.Run(from, to)))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
    }

    /// <summary>Sends as a socket's thread does; counts what comes back.</summary>
    private sealed class Writer : IPeerConnection
    {
        private readonly string _name;
        private readonly IPeerSession _session;
        private readonly byte[][][] _messages;
        private int _answers;

        public Writer(SyncEngine engine, string name, DocumentId[] documents, int rounds)
        {
            _name = name;
            _messages = new Edits(name, "server", documents, rounds, inFrames: false).Messages;
            _session = engine.Accept(this, new ConnectionInfo { Path = "/" });
        }

        public long QueuedBytes => 0;

        public bool IsWritable => true;

        public async Task JoinAsync()
        {
            byte[] join = new byte[512];
            await _session.ReceiveAsync(join.AsMemory(0, MessageWriter.WriteJoin(join, Encoding.ASCII.GetBytes(_name), default)));
            Volatile.Write(ref _answers, 0);
        }

        public void Run(int from, int to)
        {
            int before = Volatile.Read(ref _answers), sent = 0;
            SpinWait wait = default;
            for (int round = from; round < to; round++)
            {
                for (int first = 0; first < DocumentsEach; first += Batch)
                {
                    _session.BeginBatch();
                    for (int i = first; i < first + Batch; i++)
                    {
                        ValueTask taken = _session.ReceiveAsync(_messages[round][i]);
                        if (!taken.IsCompleted) taken.AsTask().GetAwaiter().GetResult();
                    }

                    _session.EndBatch();
                    sent += Batch;
                    while (sent - (Volatile.Read(ref _answers) - before) > OutstandingMax) wait.SpinOnce();
                }
            }

            while (sent > Volatile.Read(ref _answers) - before) wait.SpinOnce();
        }

        public void Send(ReadOnlySpan<byte> envelope, SharedBuffer? body) => Interlocked.Increment(ref _answers);

        public void Flush()
        {
        }

        public void Close(CloseCode code, string reason) => throw new InvalidOperationException(reason);
    }
}
