using Ratatoskr.Transport.Connections;
using SharedTests.Clocks;

namespace Ratatoskr.Transport.Tests.Connections;

public class BusyTimeTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void Reads_that_find_bytes_at_once_count_as_work()
    {
        BusyTime busy = new(_time);
        for (int read = 0; read < 5; read++)
        {
            busy.Resume();
            Pass(50);
            Assert.False(busy.Pause());
            Pass(50);
        }

        busy.Resume();
        Pass(1);
        Assert.True(busy.IsOver);
        Assert.True(busy.Pause());
    }

    [Fact]
    public void Who_has_waited_for_bytes_begins_anew()
    {
        BusyTime busy = new(_time);
        for (int read = 0; read < 10; read++)
        {
            busy.Resume();
            Pass(400);
            Assert.False(busy.Pause());
            Pass(300);
        }
    }

    [Fact]
    public void What_one_read_has_brought_may_take_long()
    {
        BusyTime busy = new(_time);
        for (int read = 0; read < 3; read++)
        {
            busy.Resume();
            Pass(5_000);
            Assert.True(busy.IsOver);
            Assert.False(busy.Pause());
            Pass(300);
        }

        busy.Resume();
        Pass(5_000);
        Assert.False(busy.Pause());
        Pass(100);
        busy.Resume();
        Assert.True(busy.Pause());
    }

    [Fact]
    public void Who_has_let_others_go_first_begins_anew()
    {
        BusyTime busy = new(_time);
        busy.Resume();
        Pass(600);
        busy.Pause();
        busy.Resume();
        Assert.True(busy.Pause());
        busy.Restart();
        Pass(100);
        busy.Resume();
        Pass(300);
        Assert.False(busy.Pause());
    }

    private void Pass(int microseconds) => _time.Advance(TimeSpan.FromMicroseconds(microseconds));
}
