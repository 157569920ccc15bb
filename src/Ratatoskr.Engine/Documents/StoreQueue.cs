using Ratatoskr.Engine.Shards;

namespace Ratatoskr.Engine.Documents;

/// <summary>A document's store operations in order, from their start until they and all before them are on disk.</summary>
/// <remarks>Owned by the document. Bounded by what its writers may send before they are acknowledged.</remarks>
internal sealed class StoreQueue
{
    private readonly Queue<StoreOperation> _operations = new();
    private readonly List<StoreOperation> _givenUp = [];      // those that the store still has
    private int _snapshots;
    private bool _disturbed;                                      // something failed: the store may have the operations in another order

    /// <summary>
    /// What is surely on disk. The store counts appends itself, and one that was repeated twice; but it takes them in the order of the calls, so as long as nothing
    /// fails its numbers are at least ours, and a change that comes later has a greater one. After a failure that is sure again when nothing is on its way.
    /// </summary>
    public StoredPart Stored { get; private set; }

    public int Count => _operations.Count;

    /// <summary>The number of the operation last started.</summary>
    public ulong Last { get; private set; }

    /// <summary>The number up to which all is on disk.</summary>
    public ulong Committed { get; private set; }

    /// <summary>Something failed, and will be started again.</summary>
    public bool HasFailed => _disturbed && Count > 0;

    /// <summary>The store still has operations that nobody waits for any more.</summary>
    public bool HasGivenUp => _givenUp.Count > 0;

    /// <summary>A snapshot is on its way; appends wait for it, so that they are counted after it.</summary>
    public bool HoldsSnapshot => _snapshots > 0;

    public ulong NextNumber() => ++Last;

    public void Start(StoreOperation operation, IEffects effects)
    {
        _operations.Enqueue(operation);
        if (operation.IsSnapshot) _snapshots++;
        operation.Start(effects);
    }

    /// <summary>Whether a result belongs to an operation that is still waited for.</summary>
    public bool Awaits(ulong number)
    {
        foreach (StoreOperation operation in _operations)
        {
            if (operation.Number == number) return true;
        }

        return false;
    }

    /// <summary>The store has answered a call, one way or the other.</summary>
    public void Returned(ulong number)
    {
        foreach (StoreOperation operation in _operations)
        {
            if (operation.Number == number) operation.Returned();
        }

        for (int i = _givenUp.Count - 1; i >= 0; i--)
        {
            if (_givenUp[i].Number != number) continue;
            _givenUp[i].Returned();
            if (!_givenUp[i].IsUnderWay) _givenUp.RemoveAt(i);
        }
    }

    public void Complete(ulong number)
    {
        foreach (StoreOperation operation in _operations)
        {
            if (operation.Number == number) operation.Done = true;
        }

        while (_operations.TryPeek(out StoreOperation? first) && first.Done)
        {
            _operations.Dequeue();
            Committed = first.Number;
            if (first.IsSnapshot) _snapshots--;
            if (_operations.Count == 0) _disturbed = false;
            if (!_disturbed) Stored = first.After;
        }
    }

    /// <summary>An operation may not have been stored.</summary>
    public void Failed() => _disturbed = true;

    /// <summary>What was read is stored.</summary>
    public void Begin(StoredPart stored)
    {
        Stored = stored;
        _disturbed = false;
    }

    /// <summary>Starts every unanswered operation again, in order; repeating one that was stored does no harm.</summary>
    public void Retry(IEffects effects)
    {
        foreach (StoreOperation operation in _operations)
        {
            if (!operation.Done) operation.Start(effects);
        }
    }

    /// <summary>Gives up waiting: what the store holds is read anew.</summary>
    public void Clear()
    {
        foreach (StoreOperation operation in _operations)
        {
            if (operation.IsUnderWay) _givenUp.Add(operation);
        }

        _operations.Clear();
        _snapshots = 0;
        Committed = Last;
    }
}
