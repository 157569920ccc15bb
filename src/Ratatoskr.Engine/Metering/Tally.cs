using System.Numerics;

namespace Ratatoskr.Engine.Metering;

/// <summary>
/// A sum that is added to at every message and read at every scrape. Each processor has a cell of its own, so that shards and sockets that count the same thing do
/// not pass one cache line around; adding takes no lock, allocates nothing and asks no listener.
/// </summary>
/// <remarks>Safe on any thread. A reading while others add may miss what is being added.</remarks>
public sealed class Tally
{
    // Of 64 bytes, a cache line each. More cells than 16 would save little: processors rarely count the same thing at the same moment.
    private const int CellLongs = 8;
    private const int CellCountMax = 16;

    private static readonly int s_mask = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Min(CellCountMax, Environment.ProcessorCount)) - 1;

    private readonly long[] _cells = new long[(s_mask + 2) * CellLongs];         // the first line is shared with the array's own fields

    public long Total
    {
        get
        {
            long total = 0;
            for (int i = CellLongs; i < _cells.Length; i += CellLongs) total += Volatile.Read(ref _cells[i]);
            return total;
        }
    }

    /// <param name="amount">May be negative where things come and go.</param>
    public void Add(long amount = 1) => Interlocked.Add(ref _cells[((Thread.GetCurrentProcessorId() & s_mask) + 1) * CellLongs], amount);
}
