using System.Globalization;
using Ratatoskr.Transport.Sockets;

namespace Ratatoskr.Transport.Tests.Sockets;

public sealed class TimeSliceTests
{
    private static readonly Version s_firstToAsk = new(6, 12);

    [Fact]
    public void Thread_that_asks_has_short_ones_and_the_threads_it_starts_have_not()
    {
        if (!OperatingSystem.IsLinux() || Environment.OSVersion.Version < s_firstToAsk || ReadNs() is not { } usual)
        {
            Assert.Skip("This system has no time slices to ask for, or does not tell how long they are.");
            return;
        }

        long? asked = null, started = null;
        Run(() =>
        {
            TimeSlice.AskForShort();
            asked = ReadNs();
            Run(() => started = ReadNs());
        });
        Assert.Equal(100_000, asked);
        Assert.Equal(usual, started);
    }

    private static void Run(ThreadStart act)
    {
        Thread thread = new(act);
        thread.Start();
        thread.Join();
    }

    private static long? ReadNs()
    {
        const string Name = "se.slice";
        const string File = "/proc/thread-self/sched";
        if (!System.IO.File.Exists(File)) return null;
        string? line = System.IO.File.ReadLines(File).FirstOrDefault(line => line.StartsWith(Name, StringComparison.Ordinal));
        return line is null ? null : long.Parse(line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture);
    }
}
