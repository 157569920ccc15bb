using FASTER.core;

namespace Ratatoskr.Storage.Faster.Devices;

/// <summary>
/// Who reads: a thread's <see cref="GuardedDevice"/> reads, and those that FASTER starts from their answers, tell it of what went wrong, and it waits for all of them.
/// FASTER itself takes whatever lies in the buffer of a failed read for a record, and the end of a broken chain for the absence of the key. And it counts its answers one by one but
/// takes them together: what it has counted too much makes its next waits return at once, and it turns in a circle, yielding the processor each time, until the disk has answered.
/// </summary>
/// <remarks>One thread begins reads and waits for them; they are answered on any.</remarks>
internal sealed class ReadScope
{
    [ThreadStatic]
    private static ReadScope? s_current;

    private readonly object _gate = new();                        // also waited on
    private int _underWay;
    private int _faults;
    private Exception? _last;
    private Exception? _unanswered;

    /// <summary>Whom the calling thread reads for.</summary>
    public static ReadScope? Current => s_current;

    /// <summary>Reads begun, ever.</summary>
    public long Begun { get; private set; }

    /// <summary>Reads that did not give what was written, ever.</summary>
    public int Faults => Volatile.Read(ref _faults);

    /// <summary>The last of them.</summary>
    public Exception? Last => Volatile.Read(ref _last);

    /// <summary>Makes it the calling thread's.</summary>
    public void Enter() => s_current = this;

    public void Report(Exception fault)
    {
        Volatile.Write(ref _last, fault);
        Interlocked.Increment(ref _faults);
    }

    /// <summary>A read begins.</summary>
    public void Begin()
    {
        lock (_gate)
        {
            Begun++;
            _underWay++;
        }
    }

    /// <summary>It ends: FASTER is told, which may begin another one at that.</summary>
    public void End(DeviceIOCompletionCallback callback, uint length, object context)
    {
        ReadScope? before = s_current;
        s_current = this;
        try
        {
            callback(0, length, context);
        }
        catch (Exception e)
        {
            Volatile.Write(ref _unanswered, e);
        }
        finally
        {
            s_current = before;
            lock (_gate)
            {
                if (--_underWay == 0) Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>Returns when all that was begun has ended.</summary>
    /// <returns>What FASTER could not take an answer for, so that it will wait for that for ever; null: nothing.</returns>
    public Exception? Wait()
    {
        lock (_gate)
        {
            while (_underWay > 0) Monitor.Wait(_gate);
        }

        return Interlocked.Exchange(ref _unanswered, null);
    }
}
