using System.Diagnostics;

namespace Ratatoskr.Engine.Limits;

/// <summary>
/// Counts what is limited per address, user or connection, for REST and socket alike. Each kind has a table of its own, of bounded size: who was not heard of for longest
/// is forgotten first, so whoever wants others forgotten needs more addresses than the table has places, and then limits by address mean nothing anyway.
/// </summary>
/// <remarks>Safe on any thread. Memory only: a restart forgives.</remarks>
public sealed class RateLimiter
{
    // 65,536 entries take about 10 MB in one kind's table.
    private const int KeysPerKindDefault = 65_536;

    private readonly Table[] _tables;

    public RateLimiter(RateLimits limits, int keysPerKindMax = KeysPerKindDefault)
    {
        ArgumentNullException.ThrowIfNull(limits);
        Limits = limits;
        _tables = [.. Enum.GetValues<RateLimitKind>().Select(kind => new Table(limits[kind], keysPerKindMax))];
    }

    public RateLimits Limits { get; }

    /// <summary>Counts what is refused; the engine's.</summary>
    internal EngineMetrics? Metrics { get; set; }

    /// <param name="kind">What is wanted.</param>
    /// <param name="key">Whose: an address (as <see cref="ClientAddress"/> gives it) or a user's id.</param>
    /// <param name="cost">1, or bytes.</param>
    /// <param name="now">The present.</param>
    /// <param name="retryAfterSeconds">When to come again; 0 when it was given.</param>
    /// <returns>false: refused, nothing was taken.</returns>
    public bool TryTake(RateLimitKind kind, string key, long cost, Timestamp now, out int retryAfterSeconds)
    {
        retryAfterSeconds = 0;
        if (_tables[(int)kind].TryTake(key, cost, now, ref retryAfterSeconds)) return true;
        Metrics?.RateLimited(kind);
        return false;
    }

    /// <summary>The same for a window that a connection keeps itself.</summary>
    internal bool TryTake(RateLimitKind kind, ref RateWindow window, long cost, Timestamp now, out int retryAfterSeconds)
    {
        if (window.TryTake(Limits[kind], cost, now, out retryAfterSeconds)) return true;
        Metrics?.RateLimited(kind);
        return false;
    }

    /// <summary>Whether one more would be given; takes nothing.</summary>
    public bool HasRoom(RateLimitKind kind, string key, Timestamp now, out int retryAfterSeconds)
    {
        if (_tables[(int)kind].HasRoom(key, now, out retryAfterSeconds)) return true;
        Metrics?.RateLimited(kind);
        return false;
    }

    /// <summary>For tests: keys remembered of a kind.</summary>
    internal int Count(RateLimitKind kind) => _tables[(int)kind].Count;

    private sealed class Table(RateLimit limit, int keysMax)
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<string, LinkedListNode<Entry>> _entries = new(StringComparer.Ordinal);
        private readonly LinkedList<Entry> _byAge = [];          // used least recently first

        public int Count
        {
            get
            {
                lock (_gate) return _entries.Count;
            }
        }

        public bool TryTake(string key, long cost, Timestamp now, ref int retryAfterSeconds)
        {
            if (limit.IsNone) return true;
            lock (_gate)
            {
                if (_entries.TryGetValue(key, out LinkedListNode<Entry>? node))
                {
                    _byAge.Remove(node);
                }
                else
                {
                    Trim(now);
                    node = new LinkedListNode<Entry>(new Entry(key));
                    _entries.Add(key, node);
                }

                _byAge.AddLast(node);
                return node.ValueRef.Window.TryTake(limit, cost, now, out retryAfterSeconds);
            }
        }

        public bool HasRoom(string key, Timestamp now, out int retryAfterSeconds)
        {
            retryAfterSeconds = 0;
            lock (_gate)
            {
                if (!_entries.TryGetValue(key, out LinkedListNode<Entry>? node)) return true;
                RateWindow copy = node.ValueRef.Window;
                return copy.TryTake(limit, 1, now, out retryAfterSeconds);
            }
        }

        // Two at each new key: the table shrinks again after a storm, without a sweep of its own.
        private void Trim(Timestamp now)
        {
            for (int i = 0; i < 2 && _byAge.First is { } oldest; i++)
            {
                if (_entries.Count < keysMax && !oldest.ValueRef.Window.IsOver(limit, now)) return;
                _byAge.RemoveFirst();
                _entries.Remove(oldest.ValueRef.Key);
            }

            Debug.Assert(_entries.Count < keysMax, "there is room for one more");
        }

        private struct Entry(string key)
        {
            public readonly string Key = key;
            public RateWindow Window;
        }
    }
}
