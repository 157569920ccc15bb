using Automerge.Changes;
using Automerge.Documents;
using Automerge.Operations;

namespace Automerge.Tests.Documents;

/// <summary>A document made by taking in changes, as a server does.</summary>
internal sealed class BuiltDocument
{
    public ChangeGraph Graph { get; } = new(1);

    public ChangeLog Log { get; } = new();

    public OpSet Ops { get; } = new();

    public static BuiltDocument Of(IEnumerable<byte[]> changes)
    {
        BuiltDocument built = new();
        foreach (byte[] change in changes) built.Apply(change);
        return built;
    }

    public void Apply(byte[] change)
    {
        ChangeVerdict verdict = ChangeVerifier.Verify(change, ChangeLimits.Default, out ChangeHeader header);
        Assert.True(verdict.IsOk, verdict.ToString());
        Assert.Equal(GraphVerdict.Added, Graph.TryAdd(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount));
        verdict = Ops.TryApply(change, header.Hash, Graph);
        Assert.True(verdict.IsOk, verdict.ToString());
        Log.Add(header);
    }

    public byte[] Save() => DocumentWriter.Write(Graph, Log, Ops);
}
