using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Http;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Metering;

namespace Ratatoskr.Http.Endpoints;

/// <summary>
/// Memory for large answers, from their making until they are sent. Readers take them slowly as long as nobody else wants the room; then whoever has taken longest,
/// and long, is cut off. If nobody has, the newcomer is told to come again. One user gets a quarter of it, or one answer. Who takes nothing at all for a while is cut
/// off whether or not others wait.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class ResponseRoom
{
    public const string MeterName = "Ratatoskr.Http";

    /// <summary>An answer that is smaller is not worth an account: requests are counted.</summary>
    internal const int SmallBytes = 4 << 10;

    // What Kestrel keeps of an answer that it has been given and the reader has not taken (KestrelServerLimits.MaxResponseBufferSize).
    private const int KestrelBytes = 64 << 10;

    private const int SharesCount = 4;

    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly LinkedList<ResponsePlace> _byAge = [];
    private readonly Dictionary<string, long> _byHolder = [];
    private readonly long _bytesMax;
    private readonly TimeProvider _time;
    private readonly Tally _refused;
    private readonly Tally _stalled;
    private long _bytes;

    public ResponseRoom(long bytesMax, TimeProvider time, Meter meter)
    {
        (_bytesMax, _time) = (bytesMax, time);
        _refused = meter.CreateTally("ratatoskr.responses.refused", "{response}", "large answers cut off because others waited, or not given because there was no room");
        _stalled = meter.CreateTally("ratatoskr.responses.stalled", "{response}", "large answers cut off because their readers took nothing for a while");
        meter.ShowLevel("ratatoskr.responses.buffered", "By", "bytes of large answers that are being made or sent", () => Volatile.Read(ref _bytes));
        meter.ShowGauge("ratatoskr.responses.limit", "By", "what such bytes may be in all", () => _bytesMax);
    }

    /// <summary>A reader that takes nothing of a large answer for so long is cut off. We see what a reader takes in steps of what the kernel buffers, up to some 800 KB: 27 KB a second is always fast enough.</summary>
    public TimeSpan StallMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Bytes of large answers that are being made or sent.</summary>
    internal long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Answers cut off because nothing was taken of them.</summary>
    internal long Stalled => _stalled.Total;

    /// <summary>The place of a request's answer, empty at first.</summary>
    internal ResponsePlace Of(HttpContext context, Principal principal) => Of(context, principal.Id);

    /// <param name="holder">Whose share it is of: a user's id, or an address.</param>
    internal ResponsePlace Of(HttpContext context, string holder)
    {
        if (context.Features.Get<ResponsePlace>() is { } place) return place;
        place = new ResponsePlace(this, context, holder, _time.GetTimestamp());
        context.Features.Set(place);
        context.Response.RegisterForDispose(place);
        return place;
    }

    /// <summary>Charges a place so much in all, if it is more than before.</summary>
    /// <param name="isBound">false: it is there already.</param>
    /// <returns>false: there is no room.</returns>
    internal bool Grow(ResponsePlace place, long bytes, bool isBound)
    {
        lock (_gate)
        {
            long more = bytes + KestrelBytes - place.Bytes;
            if (more <= 0) return true;
            if (isBound && !MakeRoom(place, more))
            {
                _refused.Add();
                return false;
            }

            if (place.Node.List is null) _byAge.AddLast(place.Node);
            Charge(place, more);
            return true;
        }
    }

    /// <summary>Charges a place so much in all, if it is less than before.</summary>
    internal void Shrink(ResponsePlace place, long bytes)
    {
        lock (_gate)
        {
            long less = place.Bytes - (bytes + KestrelBytes);
            if (less > 0 && place.Node.List is not null) Charge(place, -less);
        }
    }

    internal void Leave(ResponsePlace place)
    {
        lock (_gate) Remove(place);
    }

    /// <summary>Waits for a write, but not for ever: when its time is over, the request is aborted, which ends the write.</summary>
    internal async Task WaitAsync(HttpContext context, Task sending)
    {
        try
        {
            await sending.WaitAsync(StallMax, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _stalled.Add();
            context.Abort();
        }
    }

    private bool MakeRoom(ResponsePlace place, long more)
    {
        long others = _byHolder.GetValueOrDefault(place.Holder) - place.Bytes;
        if (others > 0 && others + place.Bytes + more > _bytesMax / SharesCount) return false;
        while (_bytes + more > _bytesMax)
        {
            LinkedListNode<ResponsePlace>? oldest = _byAge.First == place.Node ? place.Node.Next : _byAge.First;
            if (oldest is null) return true;                     // alone: what is larger than the room can be had as well
            if (_time.GetElapsedTime(oldest.Value.Since) < s_grace) return false;

            // Under the lock: its request cannot be over, and its context another's, before it has been removed.
            _refused.Add();
            oldest.Value.Context.Abort();
            Remove(oldest.Value);
        }

        return true;
    }

    private void Remove(ResponsePlace place)
    {
        if (place.Node.List is null) return;
        _byAge.Remove(place.Node);
        Charge(place, -place.Bytes);
    }

    private void Charge(ResponsePlace place, long bytes)
    {
        place.Bytes += bytes;
        _bytes += bytes;
        ref long held = ref CollectionsMarshal.GetValueRefOrAddDefault(_byHolder, place.Holder, out _);
        held += bytes;
        if (held == 0) _byHolder.Remove(place.Holder);
    }
}
