using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Operations;

namespace Automerge.Tests.Documents;

/// <summary>An op set and graph made of changes, to be looked at.</summary>
internal sealed class ViewOf
{
    public OpSet Ops { get; } = new();

    public ChangeGraph Graph { get; } = new(1);

    public DocumentView Now => new(Ops);

    public static byte[][] ChangesOf(JsonElement vector) => [.. vector.GetProperty("changes").EnumerateArray().Select(change => change.GetBytesFromBase64())];

    public static ViewOf Changes(IEnumerable<byte[]> changes)
    {
        ViewOf made = new();
        foreach (byte[] change in changes) made.Apply(change);
        return made;
    }

    public ChangeHash Apply(byte[] change)
    {
        Assert.True(ChangeVerifier.Verify(change, ChangeLimits.Default, out ChangeHeader header).IsOk);
        Graph.TryAdd(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount);
        ChangeVerdict verdict = Ops.TryApply(change, header.Hash, Graph);
        Assert.True(verdict.IsOk, verdict.What);
        return header.Hash;
    }

    public DocumentView At(params ReadOnlySpan<ChangeHash> heads) => new(Ops, CausalPast.Fixed(Graph, heads, Ops.Actors));
}
