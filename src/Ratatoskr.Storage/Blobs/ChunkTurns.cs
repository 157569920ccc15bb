namespace Ratatoskr.Storage.Blobs;

/// <summary>Writers of one chunk wait for each other; those of different chunks do not.</summary>
/// <remarks>Safe on any thread. As many entries as chunks are being written.</remarks>
internal sealed class ChunkTurns
{
    private readonly Lock _gate = new();
    private readonly Dictionary<int, Turn> _turns = [];

    /// <returns>To be disposed at the end of the turn.</returns>
    public async ValueTask<IDisposable> TakeAsync(int index, CancellationToken stop)
    {
        Turn? turn;
        lock (_gate)
        {
            if (!_turns.TryGetValue(index, out turn)) _turns[index] = turn = new Turn(this, index);
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
            _turns.Remove(turn.Index);
            turn.Free.Dispose();
        }
    }

    private sealed class Turn(ChunkTurns turns, int index) : IDisposable
    {
        public int Index => index;

        public SemaphoreSlim Free { get; } = new(1);

        public int Users { get; set; }

        public void Dispose()
        {
            Free.Release();
            turns.Leave(this);
        }
    }
}
