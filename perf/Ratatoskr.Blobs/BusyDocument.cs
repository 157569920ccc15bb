using System.Diagnostics;
using System.Text;
using Automerge.Changes;
using Automerge.Sync;
using Ratatoskr.Load;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Relay;

namespace Ratatoskr.Blobs;

/// <summary>
/// A document that somebody edits all the time and somebody else reads: how long an edit takes to the reader, and to its acknowledgement, which comes when it is on disk.
/// One edit is under way at a time; the next follows some milliseconds after both.
/// </summary>
internal sealed class BusyDocument : IDisposable
{
    private readonly int _editMs;
    private readonly RawPeer _writer;
    private readonly RawPeer _reader;
    private readonly string _readersServer;
    private readonly DocumentId _id;
    private readonly byte[][] _frames;
    private readonly ChangeHash[] _heads;
    private readonly List<double> _readMs = [];
    private readonly List<double> _acknowledgedMs = [];
    private readonly SemaphoreSlim _isRead = new(0);
    private readonly Thread _writing;
    private long _readAt;
    private volatile int _expected;
    private volatile bool _ends;
    private Exception? _failure;

    /// <param name="id">A document of the token's user.</param>
    /// <param name="editsMax">They are made before the clock starts; after so many the document is quiet.</param>
    public BusyDocument(int port, string token, string id, int editMs, int editsMax)
    {
        (_id, _editMs) = (DocumentId.FromTrusted(Encoding.ASCII.GetBytes(id)), editMs);
        _writer = Join(port, token, "busy-writer", out string writersServer);
        _reader = Join(port, token, "busy-reader", out _readersServer);
        byte[][][] messages = new Edits(_writer.PeerId, writersServer, [_id], editsMax, inFrames: false).Messages;
        _frames = [.. messages.Select(round => RawPeer.Frame(round[0]))];
        _heads = [.. messages.Select(round => HeadOf(round[0]))];

        _writer.Send(_frames[0]);
        Wait(_writer);
        _reader.Send(RawPeer.Frame(Edits.SyncMessage(_reader.PeerId, _readersServer, _id, [], null)));
        new Thread(Read) { IsBackground = true }.Start();
        _isRead.Wait();
        _writing = new Thread(Write) { IsBackground = true };
        _writing.Start();
    }

    /// <summary>What edits take from now on.</summary>
    public void Begin()
    {
        lock (_readMs)
        {
            _readMs.Clear();
            _acknowledgedMs.Clear();
        }
    }

    /// <summary>What they took since <see cref="Begin"/>.</summary>
    public Latency End()
    {
        if (_failure is { } failure) throw new InvalidOperationException($"the busy document failed: {failure.Message}", failure);
        lock (_readMs) return new Latency([.. _readMs.Order()], [.. _acknowledgedMs.Order()]);
    }

    public void Dispose()
    {
        _ends = true;
        _writing.Join();
        _writer.Dispose();
        _reader.Dispose();
        _isRead.Dispose();
    }

    private static RawPeer Join(int port, string token, string peerId, out string server)
    {
        RawPeer peer = new(port, peerId);
        peer.Send(Hello.Frames(peerId, token));
        while (true)
        {
            ReadOnlySpan<byte> answer = peer.Read();
            if (MessageReader.Read(answer, out RepoMessage message, out _) != ReadOutcome.Message || message.Kind != MessageKind.Peer) continue;
            server = Encoding.ASCII.GetString(message.SenderId.In(answer));
            return peer;
        }
    }

    private static ChangeHash HeadOf(ReadOnlySpan<byte> edit)
    {
        if (MessageReader.Read(edit, out RepoMessage message, out _) != ReadOutcome.Message || !SyncMessageReader.TryRead(message.Data.In(edit), out SyncMessageReader sync, out string? why))
            throw new InvalidDataException("not an edit");
        return sync.Heads[0];
    }

    private void Write()
    {
        try
        {
            for (int i = 1; i < _frames.Length && !_ends; i++)
            {
                _expected = i;
                long sent = Stopwatch.GetTimestamp();
                _writer.Send(_frames[i]);
                Wait(_writer);
                double acknowledged = Stopwatch.GetElapsedTime(sent).TotalMilliseconds;
                _isRead.Wait();
                double read = Stopwatch.GetElapsedTime(sent, Interlocked.Read(ref _readAt)).TotalMilliseconds;
                lock (_readMs)
                {
                    _readMs.Add(read);
                    _acknowledgedMs.Add(acknowledged);
                }

                Thread.Sleep(_editMs);
            }
        }
        catch (Exception e)
        {
            _failure = e;
        }
    }

    // Says that it has what it was sent, as automerge-repo does.
    private void Read()
    {
        try
        {
            for (int last = -1; ;)
            {
                int edit = Wait(_reader);
                if (edit == last) continue;
                last = edit;
                Interlocked.Exchange(ref _readAt, Stopwatch.GetTimestamp());
                _reader.Send(RawPeer.Frame(Edits.SyncMessage(_reader.PeerId, _readersServer, _id, [_heads[edit]], null)));
                _isRead.Release();
            }
        }
        catch (Exception e) when (e is System.Net.Sockets.SocketException or IOException or ObjectDisposedException)
        {
            // the run is over
        }
    }

    // Until the server says that its heads are those of the edit that is under way.
    private int Wait(RawPeer peer)
    {
        while (true)
        {
            ReadOnlySpan<byte> answer = peer.Read();
            if (MessageReader.Read(answer, out RepoMessage message, out string? why) != ReadOutcome.Message) throw new InvalidDataException(why);
            if (message.Kind == MessageKind.DocUnavailable) throw new InvalidDataException("the document is refused");
            if (message.Kind != MessageKind.Sync) continue;
            if (!SyncMessageReader.TryRead(message.Data.In(answer), out SyncMessageReader sync, out why)) throw new InvalidDataException(why);
            int edit = _expected;
            for (int i = 0; i < sync.Heads.Length; i++)
            {
                if (sync.Heads[i] == _heads[edit]) return edit;
            }
        }
    }
}

/// <summary>Milliseconds, sorted.</summary>
internal sealed record Latency(double[] Read, double[] Acknowledged)
{
    public static double At(double[] times, int percent) => times.Length == 0 ? double.NaN : times[Math.Min(times.Length - 1, times.Length * percent / 100)];
}
