namespace Ratatoskr.Storage.Blobs;

/// <summary>Those who come for one thing wait for each other; those for different things do not.</summary>
/// <remarks>Safe on any thread. As many entries as things that somebody has come for.</remarks>
internal sealed class Turns<TKey>
    where TKey : notnull
{
    private readonly Lock _gate = new();
    private readonly Dictionary<TKey, Turn> _turns = [];

    /// <returns>To be disposed at the end of the turn.</returns>
    public async ValueTask<IDisposable> TakeAsync(TKey key, CancellationToken stop)
    {
        Turn? turn;
        lock (_gate)
        {
            if (!_turns.TryGetValue(key, out turn)) _turns[key] = turn = new Turn(this, key);
            turn.Users++;
        }

        try
        {
            await turn.Free.WaitAsync(stop).ConfigureAwait(false);
            return turn;
        }
        catch
        {
            Leave(turn);
            throw;
        }
    }

    private void Leave(Turn turn)
    {
        lock (_gate)
        {
            if (--turn.Users > 0) return;
            _turns.Remove(turn.Key);
            turn.Free.Dispose();
        }
    }

    private sealed class Turn(Turns<TKey> turns, TKey key) : IDisposable
    {
        public TKey Key => key;

        public SemaphoreSlim Free { get; } = new(1);

        public int Users { get; set; }

        public void Dispose()
        {
            Free.Release();
            turns.Leave(this);
        }
    }
}
