using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Shards;

/// <summary>A control change on its way to one shard, and the word that it is in force there: heard, told, and nothing taken before it still on its way to the disk.</summary>
/// <remarks>Owned by the shard, once it is there.</remarks>
internal sealed class ControlDelivery(ControlChange change)
{
    private readonly TaskCompletionSource _inForce = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _awaited = 1;                                     // the turn that brings it

    public ControlChange Change { get; } = change;

    /// <summary>Completes when the change is in force.</summary>
    public Task InForce => _inForce.Task;

    /// <summary>It is not in force before one more <see cref="Release"/>.</summary>
    public void Hold() => _awaited++;

    public void Release()
    {
        if (--_awaited == 0) _inForce.SetResult();
    }
}
