namespace Ratatoskr.Storage.Faster.Devices;

/// <summary>
/// Who reads: a thread's <see cref="GuardedDevice"/> reads, and those that FASTER starts from their answers, tell it of what went wrong.
/// FASTER itself takes whatever lies in the buffer of a failed read for a record, and the end of a broken chain for the absence of the key.
/// </summary>
/// <remarks>Made on the thread that will read. Faults are counted on device threads.</remarks>
internal sealed class ReadScope
{
    private static readonly AsyncLocal<ReadScope?> CurrentScope = new();

    private int _faults;
    private Exception? _last;

    /// <summary>The calling thread's, by way of the execution context also that of its reads' answers.</summary>
    public static ReadScope? Current => CurrentScope.Value;

    /// <summary>Reads that did not give what was written, ever.</summary>
    public int Faults => Volatile.Read(ref _faults);

    /// <summary>The last of them.</summary>
    public Exception? Last => Volatile.Read(ref _last);

    /// <summary>Makes it the calling thread's.</summary>
    public static ReadScope Enter() => CurrentScope.Value = new ReadScope();

    public void Report(Exception fault)
    {
        Volatile.Write(ref _last, fault);
        Interlocked.Increment(ref _faults);
    }
}
