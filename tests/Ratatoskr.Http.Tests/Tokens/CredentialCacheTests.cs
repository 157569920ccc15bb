using Ratatoskr.Http.Tokens;

namespace Ratatoskr.Http.Tests.Tokens;

public sealed class CredentialCacheTests
{
    private readonly CredentialCache<string, string> _cache = new(capacity: 3);

    [Fact]
    public void What_was_asked_before_a_revocation_is_not_kept_after_it()
    {
        long asked = _cache.Generation;
        _cache.Remove("session");
        _cache.Keep("session", "alive", asked);
        Assert.Null(_cache.Find("session"));
        _cache.Keep("session", "asked again", _cache.Generation);
        Assert.Equal("asked again", _cache.Find("session"));
        _cache.Remove("session");
        Assert.Null(_cache.Find("session"));
    }

    [Fact]
    public void It_never_holds_more_than_it_may()
    {
        for (int i = 0; i < 100; i++)
        {
            _cache.Keep($"{i}", "", _cache.Generation);
            _cache.Keep($"{i}", "again", _cache.Generation);
            Assert.True(Enumerable.Range(0, 100).Count(n => _cache.Find($"{n}") is not null) <= 3);
        }
    }
}
