namespace Ratatoskr.Transport.Connections;

/// <summary>Something with deadlines that is looked at about once a second, so that no connection needs a timer of its own.</summary>
internal abstract class Swept
{
    /// <summary>Where the table keeps it; the table's business only.</summary>
    internal int TableIndex { get; set; } = -1;

    /// <summary>Acts on deadlines that have passed. Never blocks, never throws.</summary>
    /// <param name="nowMs">The transport's coarse clock, <see cref="SyncTransport.NowMs"/>.</param>
    public abstract void Sweep(long nowMs);
}

/// <summary>All that is swept, in one array. Safe on any thread; adding and removing cost the same whatever its size.</summary>
internal sealed class ConnectionTable
{
    private const int LengthMin = 64;

    private readonly Lock _gate = new();
    private Swept?[] _entries = new Swept?[LengthMin];
    private int _count;

    public int Count
    {
        get
        {
            lock (_gate) return _count;
        }
    }

    public void Add(Swept entry)
    {
        lock (_gate)
        {
            if (_count == _entries.Length) Array.Resize(ref _entries, _count * 2);
            entry.TableIndex = _count;
            _entries[_count++] = entry;
        }
    }

    /// <summary>Repeated calls do nothing.</summary>
    public void Remove(Swept entry)
    {
        lock (_gate)
        {
            if (entry.TableIndex < 0) return;
            Swept last = _entries[--_count]!;
            _entries[entry.TableIndex] = last;
            last.TableIndex = entry.TableIndex;
            _entries[_count] = null;
            entry.TableIndex = -1;
            if (_entries.Length > LengthMin && _count < _entries.Length / 4) Array.Resize(ref _entries, _entries.Length / 2);
        }
    }

    /// <summary>Copies the entries into <paramref name="into"/>, which grows when needed; returns their number.</summary>
    public int Snapshot(ref Swept?[] into)
    {
        lock (_gate)
        {
            if (into.Length < _count) into = new Swept?[_entries.Length];
            Array.Copy(_entries, into, _count);
            return _count;
        }
    }
}
