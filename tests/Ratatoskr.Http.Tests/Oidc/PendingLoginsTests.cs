using Ratatoskr.Http.Oidc;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.Oidc;

public sealed class PendingLoginsTests
{
    private readonly ManualClock _clock = new();
    private readonly PendingLogins _logins;

    public PendingLoginsTests() => _logins = new PendingLogins(_clock, totalMax: 10, perAddressMax: 4);

    [Fact]
    public void A_state_is_good_once()
    {
        PendingLogin login = Add("a")!;
        Assert.Same(login, _logins.Take(login.State));
        Assert.Null(_logins.Take(login.State));
        Assert.Null(_logins.Take("invented"));
    }

    [Fact]
    public void A_state_is_good_for_ten_minutes()
    {
        PendingLogin first = Add("a")!, second = Add("a")!;
        _clock.Advance(TimeSpan.FromMinutes(10) - TimeSpan.FromSeconds(1));
        Assert.NotNull(_logins.Take(first.State));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(_logins.Take(second.State));
        Assert.Equal(0, _logins.Count);
    }

    [Fact]
    public void Those_taken_are_forgotten_however_long_the_oldest_waits()
    {
        PendingLogin oldest = Add("a")!, other = Add("b")!;
        for (int i = 0; i < 1000; i++) Assert.NotNull(_logins.Take(Add(i % 2 == 0 ? "a" : "b")!.State));
        Assert.InRange(_logins.QueuedCount, 2, 2 * 10);
        Assert.Equal(2, _logins.Count);
        Assert.Same(oldest, _logins.Take(oldest.State));
        _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Null(_logins.Take(other.State));
    }

    [Fact]
    public void One_address_replaces_its_own_oldest()
    {
        PendingLogin[] logins = [.. Enumerable.Range(0, 6).Select(_ => Add("a")!)];
        Assert.Equal(4, _logins.Count);
        Assert.Equal([false, false, true, true, true, true], logins.Select(login => _logins.Take(login.State) is not null));
    }

    [Fact]
    public void A_few_addresses_cannot_keep_another_out()
    {
        foreach (string address in new[] { "a", "b", "c" })
            for (int i = 0; i < 100; i++) Add(address);
        Assert.Equal(10, _logins.Count);
        PendingLogin? mine = Add("me");
        Assert.NotNull(mine);
        for (int i = 0; i < 100; i++) Add("a");
        Assert.NotNull(_logins.Take(mine.State));
        Assert.True(_logins.Count <= 10);
    }

    [Fact]
    public void Full_of_different_addresses_it_says_so()
    {
        for (int i = 0; i < 10; i++) Assert.NotNull(Add($"{i}"));
        Assert.Null(Add("me"));
        _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.NotNull(Add("me"));
    }

    private PendingLogin? Add(string address)
    {
        PendingLogin login = new() { Address = address, RedirectUri = "", CreatedAt = _clock.GetUtcNow() };
        return _logins.TryAdd(login) ? login : null;
    }
}
