namespace Ratatoskr.Engine.Documents;

/// <summary>Lets in, first come first served, as many readers of whole documents as there are threads and memory for.</summary>
/// <remarks>Safe on any thread. Those who wait are requests; their number is bounded where requests are.</remarks>
internal sealed class ViewGate(int readersMax, long bytesMax)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<(long Bytes, TaskCompletionSource Entered)> _waiting = [];
    private int _readers;
    private long _bytes;

    /// <summary>Completes when there is room. Who needs more than there is comes in when nobody else is there: nothing waits for ever.</summary>
    public async ValueTask EnterAsync(long bytes, CancellationToken stop)
    {
        LinkedListNode<(long Bytes, TaskCompletionSource Entered)> node;
        lock (_gate)
        {
            if (_waiting.Count == 0 && TryTake(bytes)) return;
            node = _waiting.AddLast((bytes, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
        }

        CancellationTokenRegistration registration = stop.Register(() => GiveUp(node, stop));
        await using (registration) await node.Value.Entered.Task;
    }

    public void Leave(long bytes)
    {
        lock (_gate)
        {
            _readers--;
            _bytes -= bytes;
            Admit();
        }
    }

    private void GiveUp(LinkedListNode<(long Bytes, TaskCompletionSource Entered)> node, CancellationToken stop)
    {
        lock (_gate)
        {
            if (node.List is null) return;                        // it has come in meanwhile, and leaves by itself
            _waiting.Remove(node);
            node.Value.Entered.SetCanceled(stop);
            Admit();
        }
    }

    private void Admit()
    {
        while (_waiting.First is { } next && TryTake(next.Value.Bytes))
        {
            _waiting.RemoveFirst();
            next.Value.Entered.SetResult();
        }
    }

    private bool TryTake(long bytes)
    {
        if (_readers > 0 && (_readers >= readersMax || bytes > bytesMax - _bytes)) return false;
        _readers++;
        _bytes += bytes;
        return true;
    }
}
