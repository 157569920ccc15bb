using Automerge.Columns;

namespace Automerge.Changes;

/// <summary>The operation columns of a change in the making, appended to run by run; for changes too large to have their rows laid out.</summary>
/// <remarks>One owner, one thread; <see cref="Dispose"/> gives the memory back.</remarks>
internal sealed class ChangeOpsWriter : IDisposable
{
    public readonly IntegerColumnWriter ObjectActor = new(signed: false);
    public readonly IntegerColumnWriter ObjectCounter = new(signed: false);
    public readonly IntegerColumnWriter KeyActor = new(signed: false);
    public readonly DeltaColumnWriter KeyCounter = new();
    public readonly StringColumnWriter KeyString = new();
    public readonly BooleanColumnWriter Insert = new();
    public readonly IntegerColumnWriter Action = new(signed: false);
    public readonly IntegerColumnWriter Metadata = new(signed: false);
    public readonly PooledBuffer Values = new();
    public readonly IntegerColumnWriter PredecessorCount = new(signed: false);
    public readonly IntegerColumnWriter PredecessorActor = new(signed: false);
    public readonly DeltaColumnWriter PredecessorCounter = new();
    public readonly BooleanColumnWriter Expand = new();
    public readonly StringColumnWriter MarkName = new();

    public void Dispose()
    {
        ObjectActor.Dispose();
        ObjectCounter.Dispose();
        KeyActor.Dispose();
        KeyCounter.Dispose();
        KeyString.Dispose();
        Insert.Dispose();
        Action.Dispose();
        Metadata.Dispose();
        Values.Dispose();
        PredecessorCount.Dispose();
        PredecessorActor.Dispose();
        PredecessorCounter.Dispose();
        Expand.Dispose();
        MarkName.Dispose();
    }
}

/// <summary>Operations that can tell their columns run by run.</summary>
internal interface IRunChangeOps : IChangeOps
{
    /// <summary>Appends all operations to all columns.</summary>
    void WriteRuns(ChangeOpsWriter columns);
}
