namespace Ratatoskr.Engine.Documents;

/// <summary>A document's deletion on its way through its shard and the store.</summary>
/// <param name="ownerId">Whose account gets the bytes back; empty where nobody counts.</param>
/// <param name="recordedBytes">What the document's record said.</param>
internal sealed class Deletion(string ownerId, long recordedBytes)
{
    public string OwnerId { get; } = ownerId;

    public long RecordedBytes { get; } = recordedBytes;

    /// <summary>Completes when nothing of the content is left.</summary>
    public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
