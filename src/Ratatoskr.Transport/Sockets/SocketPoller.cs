using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace Ratatoskr.Transport.Sockets;

/// <summary>A thread that waits for many sockets at once and runs what has waited for them, one after the other.</summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed unsafe partial class SocketPoller : IDisposable
{
    private const int EventsMax = 256;

    // How long work waits while events are told. A message and its answer take some 10 µs: tens of them come together when there are many, and nobody feels it.
    private static readonly TimeSpan s_gatheringMax = TimeSpan.FromMicroseconds(200);

    [ThreadStatic]
    private static SocketPoller? s_current;

    // struct epoll_event: the kernel packs it on x86-64 only.
    private static readonly int s_dataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int s_eventBytes = s_dataOffset + 8;

    private readonly ILogger _logger;
    private readonly Descriptor _epoll = new(Linux.EpollCreate(Linux.CloseOnExec));
    private readonly Descriptor _wake = new(Linux.EventCreate(0, Linux.CloseOnExec | Linux.NonBlocking));
    private readonly Lock _gate = new();
    private readonly Stack<int> _free = [];
    private readonly Thread _thread;
    private Place[] _places = new Place[64];
    private List<IPolled> _again = [];
    private List<IPolled> _againNow = [];
    private List<IThreadPoolWorkItem> _work = [];
    private List<IThreadPoolWorkItem> _workNow = [];
    private long _workSince;                // when the first of it came; 0: there is none
    private bool _isWorking;
    private bool _sleeps;                   // or will in a moment: whoever brings something wakes
    private bool _isOver;
    private int _used;
    private volatile bool _stops;

    /// <param name="name">Of its thread.</param>
    /// <param name="logger">Told what those who are woken do not catch.</param>
    /// <exception cref="IOException">The system has no descriptor left.</exception>
    public SocketPoller(string name, ILogger logger)
    {
        _logger = logger;
        Watch(_wake, new Waker(), Linux.Readable | Linux.EdgeTriggered);
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Has events told from now on, each change once. They may come before this returns.</summary>
    /// <returns>For <see cref="Forget"/>.</returns>
    /// <exception cref="IOException">The system cannot watch it.</exception>
    public int Watch(SafeHandle descriptor, IPolled polled, uint events)
    {
        ulong tag;
        int place;
        lock (_gate)
        {
            if (!_free.TryPop(out place))
            {
                place = _used++;
                if (place == _places.Length) Array.Resize(ref _places, _places.Length * 2);
            }

            _places[place].Polled = polled;
            tag = Tag(place, _places[place].Generation);
        }

        byte* asked = stackalloc byte[s_eventBytes];
        Unsafe.WriteUnaligned(asked, events);
        Unsafe.WriteUnaligned(asked + s_dataOffset, tag);
        if (Linux.EpollControl(_epoll, Linux.ControlAdd, descriptor, asked) == 0) return place;
        IOException failure = SocketErrors.Last();
        Free(place);
        throw failure;
    }

    /// <summary>It hears of nothing more.</summary>
    public void Forget(int place, SafeHandle descriptor)
    {
        byte* nothing = stackalloc byte[s_eventBytes];
        _ = Linux.EpollControl(_epoll, Linux.ControlRemove, descriptor, nothing);
        Free(place);
    }

    private void Free(int place)
    {
        lock (_gate)
        {
            _places[place].Polled = null;
            _places[place].Generation++;        // events that were fetched already are nobody's
            _free.Push(place);
        }
    }

    /// <summary>Gives it a turn, without events, when all others have had theirs.</summary>
    public void Again(IPolled polled)
    {
        lock (_gate) _again.Add(polled);
        if (!IsCurrentThread) Wake();
    }

    /// <summary>The one whose thread calls; null: it is nobody's.</summary>
    public static SocketPoller? Current => s_current;

    /// <summary>Has work run on its thread, after the events that are being told.</summary>
    /// <returns>false: it has ended.</returns>
    public bool TryRun(IThreadPoolWorkItem work)
    {
        lock (_gate)
        {
            if (_isOver) return false;
            _work.Add(work);
            if (_workSince == 0) _workSince = Stopwatch.GetTimestamp();
            if (!_sleeps) return true;
            _sleeps = false;
        }

        Wake();
        return true;
    }

    /// <summary>Runs what waits. On its thread.</summary>
    public void RunWork()
    {
        if (_isWorking) return;
        lock (_gate)
        {
            if (_work.Count == 0) return;
            (_work, _workNow) = (_workNow, _work);
            _workSince = 0;
        }

        _isWorking = true;
        foreach (IThreadPoolWorkItem work in _workNow)
        {
            try
            {
                work.Execute();
            }
            catch (Exception e)
            {
                LogFailed(e);
            }
        }

        _workNow.Clear();
        _isWorking = false;
    }

    /// <summary>Everybody who is told of events here.</summary>
    public IPolled[] Polled()
    {
        lock (_gate) return [.. _places.Take(_used).Select(static place => place.Polled).OfType<IPolled>()];
    }

    /// <summary>Ends its thread. Nobody is woken any more.</summary>
    public void Dispose()
    {
        if (_stops) return;
        _stops = true;
        Wake();
        if (!IsCurrentThread) _thread.Join();
        _wake.Dispose();
        _epoll.Dispose();
    }

    private bool IsCurrentThread => s_current == this;

    private void Wake()
    {
        ulong one = 1;
        try
        {
            _ = Linux.Write(_wake, &one, sizeof(ulong));
        }
        catch (ObjectDisposedException)
        {
            // It has ended, and has run what it was given before.
        }
    }

    private static ulong Tag(int place, uint generation) => (uint)place | ((ulong)generation << 32);

    private void Run()
    {
        s_current = this;
        TimeSlice.AskForShort();
        byte* events = stackalloc byte[EventsMax * s_eventBytes];
        while (!_stops)
        {
            int count = Linux.EpollWait(_epoll, events, EventsMax, MaySleep() ? -1 : 0);
            Volatile.Write(ref _sleeps, false);
            if (count < 0)
            {
                if (Linux.LastError == Linux.Interrupted) continue;
                throw SocketErrors.Last();          // nothing can be served any more
            }

            for (int i = 0; i < count; i++)
            {
                byte* told = events + (i * s_eventBytes);
                ulong tag = Unsafe.ReadUnaligned<ulong>(told + s_dataOffset);
                if (Find(tag) is { } polled) Tell(polled, Unsafe.ReadUnaligned<uint>(told));
                if (Volatile.Read(ref _workSince) is not 0 and long since && Stopwatch.GetElapsedTime(since) > s_gatheringMax) RunWork();
            }

            RunWork();
            TellAgain();
        }

        End();
    }

    private bool MaySleep()
    {
        lock (_gate) return _sleeps = _again.Count == 0 && _work.Count == 0;
    }

    // What waits is somebody else's now.
    private void End()
    {
        lock (_gate) _isOver = true;
        RunWork();
        s_current = null;
    }

    private void TellAgain()
    {
        lock (_gate)
        {
            if (_again.Count == 0) return;
            (_again, _againNow) = (_againNow, _again);
        }

        foreach (IPolled polled in _againNow) Tell(polled, 0);
        _againNow.Clear();
    }

    private IPolled? Find(ulong tag)
    {
        lock (_gate)
        {
            ref Place place = ref _places[(int)(uint)tag];
            return place.Generation == (uint)(tag >> 32) ? place.Polled : null;
        }
    }

    // What is wrong with one must not keep the others from their bytes.
    private void Tell(IPolled polled, uint events)
    {
        try
        {
            polled.OnEvents(events);
        }
        catch (Exception e)
        {
            LogFailed(e);
        }
    }

    [LoggerMessage(EventId = 20, Level = LogLevel.Critical, Message = "internal error while sockets were polled")]
    private partial void LogFailed(Exception exception);

    private struct Place
    {
        public IPolled? Polled;
        public uint Generation;
    }

    // Wakes the thread and has nothing to say.
    private sealed class Waker : IPolled
    {
        public void OnEvents(uint events)
        {
        }
    }
}
