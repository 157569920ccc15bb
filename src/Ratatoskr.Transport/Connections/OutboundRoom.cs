namespace Ratatoskr.Transport.Connections;

/// <summary>
/// What all send queues together hold, as far as they are long. When that is too much, the next long one that is to grow is closed, so that peers that ask and do not
/// read cannot take memory each up to the limit of one.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class OutboundRoom(long bytesMax)
{
    private long _bytes;

    public long Bytes => Volatile.Read(ref _bytes);

    public bool IsFull => Bytes > bytesMax;

    public void Change(long bytes) => Interlocked.Add(ref _bytes, bytes);
}
