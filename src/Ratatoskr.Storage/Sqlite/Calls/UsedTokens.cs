namespace Ratatoskr.Storage.Sqlite.Calls;

/// <summary>When API tokens were last used, gathered until the writer takes them: not a write per request.</summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class UsedTokens(StoreMetrics? metrics)
{
    // Tokens that are in use within one interval. Beyond that, further ones are not remembered this time.
    private const int CountMax = 16 * 1024;

    private readonly Lock _gate = new();
    private Dictionary<string, DateTimeOffset> _used = [];

    public bool IsEmpty
    {
        get
        {
            lock (_gate) return _used.Count == 0;
        }
    }

    public void Add(string tokenId, DateTimeOffset at)
    {
        lock (_gate)
        {
            if (_used.TryGetValue(tokenId, out DateTimeOffset before) ? at > before : _used.Count < CountMax) _used[tokenId] = at;
            else if (before == default) metrics?.TokenUseDropped();
        }
    }

    public Dictionary<string, DateTimeOffset> Take()
    {
        lock (_gate)
        {
            Dictionary<string, DateTimeOffset> used = _used;
            _used = [];
            return used;
        }
    }
}
