namespace Ratatoskr.Storage.Blobs;

/// <summary>
/// Places for bodies that are being written. When all are taken, who has had his for a while and sends hardly anything loses it to the next who comes: some slow connections
/// must not keep everybody from uploading.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class BodyRoom(int placesMax, TimeProvider time)
{
    /// <summary>A chunk of 10 MiB takes less than three minutes at that.</summary>
    internal const int SlowBytesPerSecond = 64 << 10;

    internal static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly HashSet<Place> _places = [];

    /// <returns>To be disposed; null: all are taken, and nobody is slow.</returns>
    public Place? TryEnter(CancellationToken stop)
    {
        Place? slowest = null, place;
        lock (_gate)
        {
            if (_places.Count >= placesMax)
            {
                slowest = SlowestLocked();
                if (slowest is null) return null;
                _places.Remove(slowest);
            }

            place = new Place(this, time.GetTimestamp(), stop);
            _places.Add(place);
        }

        slowest?.Cut();
        return place;
    }

    private Place? SlowestLocked()
    {
        Place? slowest = null;
        double least = SlowBytesPerSecond;
        foreach (Place place in _places)
        {
            TimeSpan since = time.GetElapsedTime(place.Since);
            if (since < Grace || place.Bytes / since.TotalSeconds >= least) continue;
            (slowest, least) = (place, place.Bytes / since.TotalSeconds);
        }

        return slowest;
    }

    private void Leave(Place place)
    {
        lock (_gate) _places.Remove(place);
    }

    internal sealed class Place : IDisposable
    {
        private readonly BodyRoom _room;
        private readonly CancellationTokenSource _stop;
        private long _bytes;
        private volatile bool _isCut;

        public Place(BodyRoom room, long since, CancellationToken stop)
        {
            _room = room;
            Since = since;
            _stop = CancellationTokenSource.CreateLinkedTokenSource(stop);
        }

        public long Since { get; }

        public long Bytes => Interlocked.Read(ref _bytes);

        /// <summary>Somebody else has got the place.</summary>
        public bool IsCut => _isCut;

        /// <summary>The caller's, and for when the place is lost.</summary>
        public CancellationToken Stop => _stop.Token;

        public void Came(int bytes) => Interlocked.Add(ref _bytes, bytes);

        public void Cut()
        {
            _isCut = true;
            try
            {
                _stop.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It was done that moment.
            }
        }

        public void Dispose()
        {
            _room.Leave(this);
            _stop.Dispose();
        }
    }
}
