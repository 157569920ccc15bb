namespace Ratatoskr.Engine.Shards;

/// <summary>Memory promised to work in progress. It comes out of the budget: shards keep that much less content meanwhile.</summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class WorkMemory(long bytesMax)
{
    private readonly Lock _gate = new();
    private long _reserved;

    public long Reserved => Volatile.Read(ref _reserved);

    /// <returns>false: not now. What is more than all there is gets it when nobody else has any: nothing waits for ever.</returns>
    public bool TryReserve(long bytes)
    {
        lock (_gate)
        {
            if (bytes > 0 && _reserved > 0 && bytes > bytesMax - _reserved) return false;
            _reserved += bytes;
            return true;
        }
    }

    public void Return(long bytes)
    {
        lock (_gate) _reserved -= bytes;
    }
}
