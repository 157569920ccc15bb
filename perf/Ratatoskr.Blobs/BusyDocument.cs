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
/// Edits follow each other at fixed times, whatever the last one took: what is slow is not seen less often for it.
/// </summary>
internal sealed class BusyDocument : IDisposable
{
    private readonly int _editMs;
    private readonly RawPeer _writer;
    private readonly RawPeer _reader;
    private readonly string _readersServer;
    private readonly DocumentId _id;
    private readonly byte[][] _frames;
    private readonly Dictionary<ChangeHash, int> _indexes = [];
    private readonly long[] _sent;
    private readonly long[] _readAt;
    private readonly long[] _acknowledgedAt;
    private readonly ManualResetEventSlim _isOpen = new();
    private readonly Thread _writing;
    private volatile int _next;
    private int _acknowledged;
    private int _read;
    private volatile bool _ends;
    private int _begun;
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
        for (int i = 0; i < editsMax; i++) _indexes.Add(HeadOf(messages[i][0]), i);
        (_sent, _readAt, _acknowledgedAt) = (new long[editsMax], new long[editsMax], new long[editsMax]);

        _sent[0] = Stopwatch.GetTimestamp();
        _writer.Send(_frames[0]);
        _next = 1;
        new Thread(() => Listen(_writer, _acknowledgedAt, ref _acknowledged, answers: false)) { IsBackground = true }.Start();
        _isOpen.Wait();
        _isOpen.Reset();
        _reader.Send(RawPeer.Frame(Edits.SyncMessage(_reader.PeerId, _readersServer, _id, [], null)));
        new Thread(() => Listen(_reader, _readAt, ref _read, answers: true)) { IsBackground = true }.Start();
        _isOpen.Wait();
        _writing = new Thread(Write) { IsBackground = true };
        _writing.Start();
    }

    /// <summary>What edits take from now on.</summary>
    public void Begin() => _begun = _next;

    /// <summary>What they took since <see cref="Begin"/>. Waits until all have arrived.</summary>
    public Latency End()
    {
        int end = _next;
        while ((Volatile.Read(ref _read) < end || Volatile.Read(ref _acknowledged) < end) && _failure is null) Thread.Sleep(1);
        if (_failure is { } failure) throw new InvalidOperationException($"the busy document failed: {failure.Message}", failure);
        return new Latency(Sorted(_readAt, end), Sorted(_acknowledgedAt, end));
    }

    public void Dispose()
    {
        _ends = true;
        _writing.Join();
        _writer.Dispose();
        _reader.Dispose();
        _isOpen.Dispose();
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

    private double[] Sorted(long[] at, int end)
    {
        double[] times = new double[end - _begun];
        for (int i = _begun; i < end; i++) times[i - _begun] = Stopwatch.GetElapsedTime(_sent[i], at[i]).TotalMilliseconds;
        Array.Sort(times);
        return times;
    }

    private void Write()
    {
        try
        {
            long due = Stopwatch.GetTimestamp();
            while (_next < _frames.Length && !_ends)
            {
                due += _editMs * Stopwatch.Frequency / 1000;
                while (Stopwatch.GetElapsedTime(due) < TimeSpan.Zero) Thread.Sleep(1);
                _sent[_next] = Stopwatch.GetTimestamp();
                _writer.Send(_frames[_next]);
                _next++;
            }
        }
        catch (Exception e)
        {
            _failure = e;
        }
    }

    // Who has an edit has all before it. A reader says what he has, as automerge-repo does.
    private void Listen(RawPeer peer, long[] at, ref int count, bool answers)
    {
        try
        {
            while (true)
            {
                ReadOnlySpan<byte> answer = peer.Read();
                if (MessageReader.Read(answer, out RepoMessage message, out string? why) != ReadOutcome.Message) throw new InvalidDataException(why);
                if (message.Kind == MessageKind.DocUnavailable) throw new InvalidDataException("the document is refused");
                if (message.Kind != MessageKind.Sync) continue;
                if (!SyncMessageReader.TryRead(message.Data.In(answer), out SyncMessageReader sync, out why)) throw new InvalidDataException(why);
                int first = count, last = first - 1;
                for (int i = 0; i < sync.Heads.Length; i++) last = Math.Max(last, _indexes.GetValueOrDefault(sync.Heads[i], -1));
                if (last < first) continue;
                at.AsSpan(first, last - first + 1).Fill(Stopwatch.GetTimestamp());
                if (answers) peer.Send(RawPeer.Frame(Edits.SyncMessage(peer.PeerId, _readersServer, _id, [sync.Heads[0]], null)));
                Volatile.Write(ref count, last + 1);
                _isOpen.Set();
            }
        }
        catch (Exception e) when (_ends && e is System.Net.Sockets.SocketException or IOException or ObjectDisposedException)
        {
            // the run is over
        }
        catch (Exception e)
        {
            _failure = e;
            _isOpen.Set();
        }
    }
}

/// <summary>Milliseconds, sorted.</summary>
internal sealed record Latency(double[] Read, double[] Acknowledged)
{
    public static Latency Together(IEnumerable<Latency> parts)
    {
        List<Latency> all = [.. parts];
        return new Latency([.. all.SelectMany(part => part.Read).Order()], [.. all.SelectMany(part => part.Acknowledged).Order()]);
    }

    public static double At(double[] times, int percent) => times.Length == 0 ? double.NaN : times[Math.Min(times.Length - 1, times.Length * percent / 100)];
}
