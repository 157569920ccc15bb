using Ratatoskr.Engine.Shards;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Documents;

/// <summary>An append or snapshot on its way to the store, kept until it is known to be there so that it can be sent again.</summary>
internal sealed class StoreOperation
{
    private readonly AppendBatch _append;
    private readonly SnapshotBody? _snapshot;
    private readonly SnapshotVersion _read;
    private readonly TailRange _folded;
    private readonly Fence _fence;
    private int _calls;                                           // more than one when it was repeated

    public StoreOperation(ulong number, StoredPart after, in AppendBatch append, Fence fence)
    {
        Number = number;
        After = after;
        _append = append;
        _fence = fence;
    }

    public StoreOperation(ulong number, StoredPart after, DocumentId id, SnapshotVersion read, SnapshotBody snapshot, TailRange folded, Fence fence)
    {
        Number = number;
        After = after;
        _append = new AppendBatch(id, default, default);
        _read = read;
        _snapshot = snapshot;
        _folded = folded;
        _fence = fence;
    }

    /// <summary>Its place in the document's store operations, from 1.</summary>
    public ulong Number { get; }

    /// <summary>What is stored when it and all before it are.</summary>
    public StoredPart After { get; }

    public bool IsSnapshot => _snapshot is not null;

    public bool Done { get; set; }

    /// <summary>The store has not answered every call yet.</summary>
    public bool IsUnderWay => _calls > 0;

    /// <summary>The store has answered a call.</summary>
    public void Returned() => _calls--;

    public void Start(IEffects effects)
    {
        _calls++;
        if (_snapshot is null) effects.Append(Number, _append, _fence);
        else effects.StoreSnapshot(Number, _append.Id, _read, _snapshot, _folded, _fence);
    }
}

/// <summary>How much of a document is on disk.</summary>
/// <param name="Rows">The first rows of its graph.</param>
/// <param name="Sequence">They are all in the snapshot and the store's appends up to this one, and no other change is.</param>
internal readonly record struct StoredPart(int Rows, ulong Sequence);
