using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http;
using Ratatoskr.Engine.Metering;

namespace Ratatoskr.Http.Endpoints;

/// <summary>
/// Memory for large answers, from their making until they are sent. Readers take them as slowly as they like as long as nobody else wants the room; then whoever has
/// taken longest, and long, is cut off. If nobody has, the newcomer is told to come again.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class ResponseRoom
{
    public const string MeterName = "Ratatoskr.Http";

    // An answer that is smaller is not worth an account: connections are counted.
    private const int SmallBytes = 64 << 10;

    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly LinkedList<Place> _byAge = [];
    private readonly long _bytesMax;
    private readonly TimeProvider _time;
    private readonly Tally _refused;
    private long _bytes;

    public ResponseRoom(long bytesMax, TimeProvider time, Meter meter)
    {
        (_bytesMax, _time) = (bytesMax, time);
        _refused = meter.CreateTally("ratatoskr.responses.refused", "{response}", "large answers cut off because others waited, or not given because there was no room");
        meter.ShowLevel("ratatoskr.responses.buffered", "By", "bytes of large answers that are being made or sent", () => Volatile.Read(ref _bytes));
        meter.ShowGauge("ratatoskr.responses.limit", "By", "what such bytes may be in all", () => _bytesMax);
    }

    /// <summary>Takes room for the answer of a request, until the request is over. Asked again with more, it takes the rest.</summary>
    /// <returns>false: there is none.</returns>
    internal bool TryTake(HttpContext context, long bytes)
    {
        if (bytes <= SmallBytes) return true;
        if (context.Features.Get<Place>() is not { } place)
        {
            place = new Place(this, context, _time.GetTimestamp());
            context.Features.Set(place);
            context.Response.RegisterForDispose(place);
        }

        return Grow(place, bytes);
    }

    private bool Grow(Place place, long bytes)
    {
        lock (_gate)
        {
            long more = bytes - place.Bytes;
            if (more <= 0) return true;
            while (_bytes + more > _bytesMax && _byAge.First is { } oldest && oldest.Value != place)
            {
                _refused.Add();
                if (_time.GetElapsedTime(oldest.Value.Since) < s_grace) return false;

                // Under the lock: its request cannot be over, and its context another's, before it has been removed.
                oldest.Value.Context.Abort();
                Remove(oldest.Value);
            }

            if (place.Node.List is null) _byAge.AddLast(place.Node);
            place.Bytes = bytes;
            _bytes += more;
            return true;
        }
    }

    private void Remove(Place place)
    {
        if (place.Node.List is null) return;
        _byAge.Remove(place.Node);
        _bytes -= place.Bytes;
        place.Bytes = 0;
    }

    private sealed class Place : IDisposable
    {
        private readonly ResponseRoom _room;

        public Place(ResponseRoom room, HttpContext context, long since)
        {
            (_room, Context, Since) = (room, context, since);
            Node = new LinkedListNode<Place>(this);
        }

        public HttpContext Context { get; }

        public long Since { get; }

        public LinkedListNode<Place> Node { get; }

        public long Bytes { get; set; }

        public void Dispose()
        {
            lock (_room._gate) _room.Remove(this);
        }
    }
}
