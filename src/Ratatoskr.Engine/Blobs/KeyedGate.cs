namespace Ratatoskr.Engine.Blobs;

/// <summary>Lets one at a time work on one thing, named by a key; work on other things goes on beside it, however long it takes. One entry per caller that is inside or waits.</summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class KeyedGate<TKey>
    where TKey : notnull
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, Place> _places = [];

    /// <summary>Waits until nobody else is inside; leave by disposing.</summary>
    public async ValueTask<Turn> EnterAsync(TKey key, CancellationToken stop)
    {
        Place? place;
        lock (_lock)
        {
            if (!_places.TryGetValue(key, out place)) _places.Add(key, place = new Place());
            place.Callers++;
        }

        try
        {
            await place.Gate.WaitAsync(stop);
        }
        catch
        {
            Forget(key, place);
            throw;
        }

        return new Turn(this, key, place);
    }

    private void Leave(TKey key, Place place)
    {
        place.Gate.Release();
        Forget(key, place);
    }

    private void Forget(TKey key, Place place)
    {
        lock (_lock)
        {
            if (--place.Callers == 0) _places.Remove(key);
        }
    }

    internal sealed class Place
    {
        public SemaphoreSlim Gate { get; } = new(1, 1);

        public int Callers { get; set; }
    }

    /// <summary>Lets the next one in when it is disposed, once.</summary>
    public readonly struct Turn : IDisposable
    {
        private readonly KeyedGate<TKey> _gate;
        private readonly TKey _key;
        private readonly Place _place;

        internal Turn(KeyedGate<TKey> gate, TKey key, Place place) => (_gate, _key, _place) = (gate, key, place);

        public void Dispose() => _gate.Leave(_key, _place);
    }
}
