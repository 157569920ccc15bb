using Automerge.Changes;
using Automerge.Documents;
using Automerge.Operations;

namespace Automerge.Tests.Documents;

/// <summary>A document made by taking in changes, or loaded, as a server does.</summary>
internal sealed class BuiltDocument
{
    public ChangeGraph Graph { get; private init; } = new(1);

    public ChangeLog Log { get; private init; } = new();

    public OpSet Ops { get; private init; } = new();

    public static BuiltDocument Load(byte[] documentChunk)
    {
        ChangeGraph graph = new(1);
        ChangeLog log = new();
        OpSet ops = DocumentReader.Load(documentChunk, DocumentLimits.Default, graph, log);
        return new BuiltDocument { Graph = graph, Log = log, Ops = ops };
    }

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
