using System.Diagnostics;
using Automerge.Changes;
using Automerge.Sync;
using Ratatoskr.Load;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Relay;

/// <summary>Writers send edits, a few at a time, to a server that answers each: by an echo, or by its acknowledgement after readers have been sent it.</summary>
internal static class Run
{
    private const int Writers = 4;
    private const int DocumentsEach = 250;
    private const int OutstandingEach = 16;

    /// <summary>The first creates the documents, or warms; it and the next few are not counted.</summary>
    private const int WarmRounds = 20;

    /// <summary>Every edit comes back to its writer.</summary>
    public static Result Echo(ServerUnderLoad server, int rounds)
    {
        using Lanes lanes = new(server, joins: false, rounds);
        lanes.Write(0, WarmRounds);
        return lanes.Measure(server, WarmRounds, rounds, 1);
    }

    /// <summary>Every edit goes to some readers, who say so as automerge-repo does, and is acknowledged when it is on disk.</summary>
    public static Result Relay(ServerUnderLoad server, int rounds, int readers)
    {
        using Lanes lanes = new(server, joins: true, rounds);
        lanes.Write(0, 1);
        lanes.AddReaders(server, readers);
        lanes.Write(1, WarmRounds - 1);
        return lanes.Measure(server, WarmRounds, rounds, readers);
    }

    /// <param name="EditsPerSecond">Acknowledged, and at every reader.</param>
    /// <param name="ServerCpu">Per edit, in µs.</param>
    public readonly record struct Result(double EditsPerSecond, double ServerCpu, double ServerBusy);

    private sealed class Lanes : IDisposable
    {
        private readonly RawPeer[] _writers = new RawPeer[Writers];
        private readonly Edits[] _edits = new Edits[Writers];
        private readonly List<RawPeer> _readers = [];
        private readonly CountdownEvent _opened = new(1);
        private long _delivered;

        public Lanes(ServerUnderLoad server, bool joins, int rounds)
        {
            for (int i = 0; i < Writers; i++)
            {
                _writers[i] = new RawPeer(server.Port, $"writer-{i}");
                string serverId = joins ? _writers[i].Join() : "nobody";
                _edits[i] = new Edits(_writers[i].PeerId, serverId, [.. Enumerable.Range(i * DocumentsEach, DocumentsEach).Select(Edits.Document)], WarmRounds + rounds);
            }
        }

        public void AddReaders(ServerUnderLoad server, int count)
        {
            for (int i = 0; i < count; i++)
            {
                for (int lane = 0; lane < Writers; lane++)
                {
                    RawPeer reader = new(server.Port, $"reader-{lane}-{i}");
                    string serverId = reader.Join();
                    _readers.Add(reader);
                    _opened.AddCount(DocumentsEach);
                    foreach (DocumentId id in _edits[lane].Documents) reader.Send(RawPeer.Frame(Edits.SyncMessage(reader.PeerId, serverId, id, [], null)));
                    new Thread(() => Listen(reader, serverId)) { IsBackground = true }.Start();
                }
            }

            _opened.Signal();
            _opened.Wait();
            Interlocked.Exchange(ref _delivered, 0);
        }

        public Result Measure(ServerUnderLoad server, int from, int rounds, int readers)
        {
            server.WaitUntilIdle();
            Interlocked.Exchange(ref _delivered, 0);
            long edits = (long)rounds * Writers * DocumentsEach;
            double cpu = server.CpuMicroseconds;
            long started = Stopwatch.GetTimestamp();
            Write(from, rounds);
            while (_readers.Count > 0 && Interlocked.Read(ref _delivered) < edits * readers) Thread.Sleep(1);
            double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            cpu = server.CpuMicroseconds - cpu;
            return new Result(edits / seconds, cpu / edits, cpu / seconds / 1e6);
        }

        /// <summary>All lanes at once, each with some edits under way, at most one per document.</summary>
        public void Write(int from, int rounds)
        {
            Thread[] threads = [.. Enumerable.Range(0, Writers).Select(lane => new Thread(() => Write(lane, from, rounds)))];
            foreach (Thread thread in threads) thread.Start();
            foreach (Thread thread in threads) thread.Join();
        }

        public void Dispose()
        {
            foreach (RawPeer peer in _writers) peer.Dispose();
            foreach (RawPeer peer in _readers) peer.Dispose();
            _opened.Dispose();
        }

        private void Write(int lane, int from, int rounds)
        {
            RawPeer writer = _writers[lane];
            int total = rounds * DocumentsEach, sent = 0;
            for (int answered = 0; answered < total; answered++)
            {
                for (; sent < total && sent < answered + OutstandingEach; sent++) writer.Send(_edits[lane].Messages[from + (sent / DocumentsEach)][sent % DocumentsEach]);
                writer.Read();
            }
        }

        // Changes are not applied: what a client does with them is not what is measured.
        private void Listen(RawPeer reader, string serverId)
        {
            HashSet<DocumentId> opened = new(DocumentId.Comparer.Instance);
            try
            {
                while (true)
                {
                    ReadOnlySpan<byte> message = reader.Read();
                    if (MessageReader.Read(message, out RepoMessage parsed, out _) != ReadOutcome.Message || parsed.Kind != MessageKind.Sync) continue;
                    if (!SyncMessageReader.TryRead(parsed.Data.In(message), out SyncMessageReader sync, out string? error)) throw new InvalidDataException(error);
                    if (sync.ChangeCount == 0) continue;
                    Span<ChangeHash> heads = new ChangeHash[sync.Heads.Length];
                    for (int i = 0; i < heads.Length; i++) heads[i] = sync.Heads[i];
                    DocumentId id = DocumentId.FromTrusted(parsed.DocumentId.In(message));
                    reader.Send(RawPeer.Frame(Edits.SyncMessage(reader.PeerId, serverId, id, heads, null)));
                    Interlocked.Add(ref _delivered, sync.ChangeCount);
                    if (opened.Add(id)) _opened.Signal();
                }
            }
            catch (Exception e) when (e is System.Net.Sockets.SocketException or IOException or ObjectDisposedException)
            {
                // the run is over
            }
        }
    }
}
