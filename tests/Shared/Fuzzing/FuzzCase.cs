using System.Diagnostics;

namespace SharedTests.Fuzzing;

/// <summary>One case: everything random in it follows from its seed.</summary>
internal sealed class FuzzCase(int seed)
{
    public int Seed { get; } = seed;

    public Random Random { get; } = new(seed);

    /// <summary>What is being tried, for the report of a failure.</summary>
    public byte[] Input { get; set; } = [];

    /// <summary>What else should be said of a failure.</summary>
    public Func<string>? Describe { get; set; }

    /// <summary>The longest call, the greatest share of allowed memory that a call took, and the most bytes.</summary>
    public TimeSpan Slowest { get; private set; }

    public double MemoryShare { get; private set; }

    public long BytesMost { get; private set; }

    /// <summary>What happened besides, summed up over all cases: whether the cases reach what they are for.</summary>
    public Dictionary<string, long> Notes { get; } = [];

    public void Note(string what, long count = 1) => Notes[what] = Notes.GetValueOrDefault(what) + count;

    public bool OneIn(int count) => Random.Next(count) == 0;

    public T Pick<T>(IReadOnlyList<T> from) => from[Random.Next(from.Count)];

    /// <summary>Makes a call on hostile input: its time is measured, and the memory that it takes may be four times the input and what limits declare.</summary>
    public T Call<T>(long inputBytes, long declaredBytes, Func<T> call)
    {
        long before = GC.GetAllocatedBytesForCurrentThread(), began = Stopwatch.GetTimestamp();
        try
        {
            return call();
        }
        finally
        {
            TimeSpan took = Stopwatch.GetElapsedTime(began);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (took > Slowest) Slowest = took;
            BytesMost = Math.Max(BytesMost, allocated);
            MemoryShare = Math.Max(MemoryShare, (double)allocated / ((4 * inputBytes) + declaredBytes));
        }
    }

    /// <inheritdoc cref="Call{T}"/>
    public void Call(long inputBytes, long declaredBytes, Action call) => Call(inputBytes, declaredBytes, () =>
    {
        call();
        return true;
    });
}
