using Automerge.Changes;
using Automerge.Documents;

namespace Automerge.Tests.Documents;

/// <summary>Keeps what a reader reports.</summary>
internal sealed class RecordingSink(Func<int, bool>? wants = null, bool verify = false) : IDocumentSink
{
    public IReadOnlyList<ActorId> Actors { get; private set; } = [];

    public int ChangeCount { get; private set; } = -1;

    public List<ChangeHash> Hashes { get; } = [];

    public List<int[]> DepRows { get; } = [];

    public List<byte[]> Bytes { get; } = [];

    public void Begin(IReadOnlyList<ActorId> actors, int changeCount)
    {
        Actors = actors;
        ChangeCount = changeCount;
    }

    public bool WantsBytes(int row) => wants?.Invoke(row) ?? false;

    public void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes)
    {
        Assert.Equal(Hashes.Count, row);
        Assert.True(Actors[actor].Bytes.SequenceEqual(header.Actor));
        if (verify)
        {
            // A document is accepted only if each of its changes would be.
            ChangeVerdict verdict = ChangeVerifier.Verify(header.Bytes, ChangeLimits.Default, out ChangeHeader verified);
            Assert.True(verdict.IsOk, $"row {row}: {verdict}");
            Assert.Equal((header.Hash, header.MaxOp), (verified.Hash, verified.MaxOp));
        }

        Hashes.Add(header.Hash);
        DepRows.Add(depRows.ToArray());
        Bytes.Add(bytes.ToArray());
    }
}
