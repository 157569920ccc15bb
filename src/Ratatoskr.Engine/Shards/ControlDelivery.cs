using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Shards;

/// <summary>A control change on its way to one shard, and the word that it is in force there.</summary>
internal sealed class ControlDelivery(ControlChange change)
{
    public ControlChange Change { get; } = change;

    public TaskCompletionSource Applied { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
