using Automerge.Changes;
using Automerge.Columns;
using Automerge.Format;

namespace Automerge.Documents;

/// <summary>
/// The cheap beginning of a document chunk: who made changes and what the heads are claimed to be.
/// <code>
/// actors: uleb n, n × length-prefixed, ascending | heads: uleb n, n × 32 bytes, ascending | columns…
/// </code>
/// </summary>
/// <remarks>A view; valid as long as the bytes it was read from. Nothing here is proved: <see cref="DocumentReader"/> does.</remarks>
public readonly ref struct DocumentHeader
{
    /// <summary>Number of actors.</summary>
    public int ActorCount { get; private init; }

    /// <summary>The heads, in place.</summary>
    public ReadOnlySpan<ChangeHash> Heads { get; private init; }

    internal ReadOnlySpan<byte> Actors { get; private init; }

    /// <summary>Everything behind the heads.</summary>
    internal ReadOnlySpan<byte> Rest { get; private init; }

    /// <summary>Reads the header of a document chunk.</summary>
    /// <returns>false: <paramref name="what"/> says what was wrong.</returns>
    public static bool TryRead(scoped in Chunk chunk, out DocumentHeader header, out string what)
    {
        header = default;
        if (chunk.Type != ChunkType.Document) return Fail("not a document chunk", out what);
        ReadOnlySpan<byte> rest = chunk.Body;
        if (!Leb128.TryReadUnsigned(ref rest, out ulong actorCount) || actorCount > (ulong)rest.Length) return Fail("malformed actor list", out what);
        ReadOnlySpan<byte> actors = rest;
        ReadOnlySpan<byte> previous = default;
        for (ulong i = 0; i < actorCount; i++)
        {
            if (!ChangeHeader.TryReadPrefixed(ref rest, out ReadOnlySpan<byte> actor)) return Fail("malformed actor list", out what);
            if (i > 0 && previous.SequenceCompareTo(actor) >= 0) return Fail("actors not strictly ascending", out what);
            previous = actor;
        }

        actors = actors[..(actors.Length - rest.Length)];
        if (!Leb128.TryReadUnsigned(ref rest, out ulong headCount) || headCount > (ulong)(rest.Length / ChangeHash.Size)) return Fail("malformed head list", out what);
        ReadOnlySpan<ChangeHash> heads = ChangeHash.CastList(rest[..((int)headCount * ChangeHash.Size)]);
        for (int i = 1; i < heads.Length; i++)
            if (heads[i - 1].CompareTo(heads[i]) >= 0) return Fail("heads not strictly ascending", out what);

        header = new DocumentHeader
        {
            ActorCount = (int)actorCount,
            Actors = actors,
            Heads = heads,
            Rest = rest[((int)headCount * ChangeHash.Size)..],
        };
        what = "";
        return true;
    }

    /// <summary>Copies the actors.</summary>
    public ActorId[] CopyActors()
    {
        ActorId[] copies = new ActorId[ActorCount];
        ReadOnlySpan<byte> rest = Actors;
        for (int i = 0; i < copies.Length; i++)
        {
            ChangeHeader.TryReadPrefixed(ref rest, out ReadOnlySpan<byte> actor);
            copies[i] = new ActorId(actor);
        }

        return copies;
    }

    private static bool Fail(string why, out string what)
    {
        what = why;
        return false;
    }
}
