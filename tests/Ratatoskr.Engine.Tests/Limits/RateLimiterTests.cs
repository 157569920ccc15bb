using Ratatoskr.Engine.Limits;

namespace Ratatoskr.Engine.Tests.Limits;

public sealed class RateLimiterTests
{
    private static readonly Timestamp Start = new(1_700_000_000_000);
    private readonly RateLimiter _limiter = new(new RateLimits(), keysPerKindMax: 4);

    [Fact]
    public void Takes_as_many_as_allowed_then_refuses_and_says_for_how_long()
    {
        for (int i = 0; i < 5; i++) Assert.True(Take("a", Start.AfterMs(i * 1000)));

        Assert.False(_limiter.TryTake(RateLimitKind.AnonymousConnections, "a", 1, Start.AfterMs(5000), out int retryAfter));
        Assert.Equal(55 + 12, retryAfter);                     // the next window, and a fifth of it
        Assert.False(Take("a", Start.AfterMs(5000 + (retryAfter * 1000) - 1001)));
        Assert.True(Take("a", Start.AfterMs(5000 + (retryAfter * 1000))));
    }

    [Fact]
    public void Keys_and_kinds_are_counted_apart()
    {
        for (int i = 0; i < 5; i++) Assert.True(Take("a", Start));

        Assert.False(Take("a", Start));
        Assert.True(Take("b", Start));
        Assert.True(_limiter.TryTake(RateLimitKind.PendingLogins, "a", 1, Start, out _));
    }

    [Fact]
    public void Who_has_kept_still_for_two_periods_has_all_again()
    {
        for (int i = 0; i < 5; i++) Take("a", Start);
        for (int i = 0; i < 5; i++) Assert.True(Take("a", Start.AfterMs(120_000)));
        Assert.False(Take("a", Start.AfterMs(120_000)));
    }

    [Fact]
    public void More_than_the_limit_at_once_is_given_to_who_took_nothing_and_is_owed_afterwards()
    {
        RateWindow window = default;
        RateLimit limit = RateLimit.PerMinute(100);

        Assert.True(window.TryTake(limit, 350, Start, out _));
        Assert.False(window.TryTake(limit, 1, Start.AfterMs(179_000), out int retryAfter));
        Assert.InRange(retryAfter, 1, 62);
        Assert.True(window.TryTake(limit, 1, Start.AfterMs(179_000 + (retryAfter * 1000)), out _));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100)]
    public void Whoever_always_tries_gets_the_limit_in_the_long_run_and_whoever_waits_as_told_is_let_in(int cost)
    {
        RateWindow window = default;
        RateLimit limit = RateLimit.PerMinute(100);
        Timestamp now = Start;
        long taken = 0;
        while (now.UnixMs - Start.UnixMs < 3_600_000)
        {
            if (window.TryTake(limit, cost, now, out int retryAfter)) taken += cost;
            else now = now.AfterMs(retryAfter * 1000L);
        }

        Assert.InRange(taken, 50 * 60, 101 * 61);
    }

    [Fact]
    public void The_table_forgets_who_was_not_heard_of_for_longest()
    {
        for (int i = 0; i < 5; i++) Take("a", Start);
        foreach (string key in new[] { "b", "c", "d" }) Take(key, Start);
        Assert.False(Take("a", Start));                        // heard of again

        Take("e", Start);

        Assert.InRange(_limiter.Count(RateLimitKind.AnonymousConnections), 1, 4);
        Assert.False(Take("a", Start));
    }

    [Fact]
    public void No_limit_refuses_nothing_and_remembers_nobody()
    {
        RateLimiter open = new(RateLimits.None);

        for (int i = 0; i < 1000; i++) Assert.True(open.TryTake(RateLimitKind.AnonymousConnections, "a", 1, Start, out _));
        Assert.Equal(0, open.Count(RateLimitKind.AnonymousConnections));
    }

    private bool Take(string key, Timestamp now) => _limiter.TryTake(RateLimitKind.AnonymousConnections, key, 1, now, out _);
}
