using System.Diagnostics;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Values;
using Ratatoskr.Interop.Tests.Peers;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>
/// The pair on blocking sockets and threads of their own, so that what is measured is the server and not the scheduling of an attack in the same process.
/// </summary>
internal sealed class HonestPair : IHonestPair
{
    private const int EditsMax = 100_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _documentId;
    private readonly Wire _writer;
    private readonly Wire _reader;
    private readonly TimeSpan _gap;
    private readonly Document _document = new(ActorId.Parse(Guid.NewGuid().ToString("N")));
    private readonly Dictionary<string, int> _numbers = [];       // of edits, by hash; locked
    private readonly long[] _sentAt = new long[EditsMax];
    private readonly long[] _receivedAt = new long[EditsMax];
    private readonly Thread[] _threads;
    private int _sent, _received, _acknowledged;
    private volatile bool _stopped;
    private volatile Exception? _failure;

    private HonestPair(string documentId, Wire writer, Wire reader, TimeSpan gap)
    {
        (_documentId, _writer, _reader, _gap) = (documentId, writer, reader, gap);
        _threads = [new Thread(Guarded(Write)), new Thread(Guarded(HearAcknowledgements)), new Thread(Guarded(Read))];
        foreach (Thread thread in _threads)
        {
            thread.IsBackground = true;
            thread.Start();
        }
    }

    public int Sent => Volatile.Read(ref _sent);

    public static HonestPair Start(Meeting meeting) =>
        new(meeting.DocumentId, Wire.Join(meeting.Port, meeting.UsesTls, meeting.Token), Wire.Join(meeting.Port, meeting.UsesTls, meeting.Token), meeting.Gap);

    public double P99(int from, int to)
    {
        double[] sorted = [.. Enumerable.Range(from, to - from).Select(i => Stopwatch.GetElapsedTime(_sentAt[i], _receivedAt[i]).TotalMilliseconds).Order()];
        return sorted[(int)(sorted.Length * 0.99)];
    }

    public void UntilReceived(int number) => Until(() => Volatile.Read(ref _received) >= number, $"{number} edits were not received");

    public void StopAndConverge()
    {
        _stopped = true;
        _threads[0].Join();
        Until(
            () => Volatile.Read(ref _received) == _sent && Volatile.Read(ref _acknowledged) == _sent,
            $"of {_sent} edits {_received} were received and {_acknowledged} acknowledged");
    }

    public void Dispose()
    {
        _stopped = true;
        _writer.Dispose();
        _reader.Dispose();
        foreach (Thread thread in _threads) thread.Join();
    }

    private ThreadStart Guarded(Action act) => () =>
    {
        try
        {
            ThreadOrder.GoFirst();
            act();
        }
        catch (Exception e)
        {
            if (!_stopped) _failure ??= e;
        }
    };

    private void Until(Func<bool> condition, string otherwise)
    {
        Stopwatch waiting = Stopwatch.StartNew();
        while (!condition())
        {
            if (_failure is { } failure) throw new InvalidOperationException($"the honest pair failed: {failure.Message}", failure);
            Assert.True(waiting.Elapsed < Patience, $"{otherwise} (now {_received} received, {_acknowledged} acknowledged)");
            Thread.Sleep(1);
        }
    }

    private void Write()
    {
        long start = Stopwatch.GetTimestamp();
        string[] before = [];
        for (int number = 0; !_stopped && number < EditsMax; number++)
        {
            TimeSpan early = (_gap * number) - Stopwatch.GetElapsedTime(start);
            if (early > TimeSpan.Zero) Thread.Sleep(early);
            string hash = Edit(number);
            byte[] frame = _writer.Sync(_documentId, new SyncMessage { Heads = [hash], LastSync = before, Changes = [_document.SaveIncremental()] });
            lock (_numbers) _numbers.Add(hash, number);
            before = [hash];
            _sentAt[number] = Stopwatch.GetTimestamp();
            _writer.Send(frame);
            Volatile.Write(ref _sent, number + 1);
            if (number == 0) _reader.Send(_reader.Document("request", _documentId, SyncMessage.EmptyRequest));
        }
    }

    private string Edit(int number)
    {
        using Transaction edit = _document.Begin();
        edit.Put(ObjectId.Root, "n", number);
        return edit.Commit()!.Value.ToString();
    }

    private void HearAcknowledgements()
    {
        while (_writer.NextMessage() is { } message)
        {
            if (NumberOf(message) is { } number) Volatile.Write(ref _acknowledged, number + 1);
        }

        if (!_stopped) throw new ConnectionClosedException($"the writer's connection: {_writer.UntilClosed()}");
    }

    // One message may bring several edits.
    private void Read()
    {
        while (_reader.NextMessage() is { } message)
        {
            long now = Stopwatch.GetTimestamp();
            if (NumberOf(message) is not { } number) continue;
            for (int i = _received; i <= number; i++) _receivedAt[i] = now;
            Volatile.Write(ref _received, Math.Max(_received, number + 1));
            string[] heads = [.. Frame.Parse(message).Sync.Heads];
            _reader.Send(_reader.Sync(_documentId, new SyncMessage { Heads = heads, LastSync = heads }));
        }

        if (!_stopped) throw new ConnectionClosedException($"the reader's connection: {_reader.UntilClosed()}");
    }

    // Of the edit that is the head of a sync message.
    private int? NumberOf(ReadOnlyMemory<byte> message)
    {
        Frame frame = Frame.Parse(message);
        if (frame.Type != "sync" || frame.DocumentId != _documentId || frame.Sync.Heads is not [string head]) return null;
        lock (_numbers) return _numbers.TryGetValue(head, out int number) ? number : null;
    }
}
