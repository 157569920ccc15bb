using Automerge.Columns;
using Automerge.Format;

namespace Automerge.Changes;

/// <summary>
/// What a change says about itself, in place:
/// <code>
/// deps: uleb n, n × 32 bytes | actor: length-prefixed | seq uleb | startOp uleb | time leb
/// | message: length-prefixed UTF-8 | other actors: uleb n, n × length-prefixed | columns | extra bytes
/// </code>
/// </summary>
/// <remarks>A view; valid as long as the bytes it was read from.</remarks>
public readonly ref struct ChangeHeader
{
    /// <summary>The change's identity. Default when it was read without hashing.</summary>
    public ChangeHash Hash { get; internal init; }

    /// <summary>The whole chunk.</summary>
    public ReadOnlySpan<byte> Bytes { get; internal init; }

    /// <summary>Hashes of the changes this one follows, in the order written (ascending, by all known writers).</summary>
    public ReadOnlySpan<ChangeHash> Deps { get; internal init; }

    /// <summary>The author.</summary>
    public ReadOnlySpan<byte> Actor { get; internal init; }

    /// <summary>Which change of its author this is, from 1.</summary>
    public uint Seq { get; internal init; }

    /// <summary>Counter of the first operation, from 1.</summary>
    public uint StartOp { get; internal init; }

    /// <summary>Number of operations; 0 for an empty change.</summary>
    public uint OpCount { get; internal init; }

    /// <summary>Counter of the last operation; one less than <see cref="StartOp"/> for an empty change.</summary>
    public uint MaxOp => StartOp + OpCount - 1;

    /// <summary>What the author wrote as time: seconds since 1970, by convention only.</summary>
    public long Time { get; internal init; }

    /// <summary>The commit message, UTF-8; empty means none.</summary>
    public ReadOnlySpan<byte> Message { get; internal init; }

    /// <summary>Actors the change names, its author included.</summary>
    public int ActorCount => OtherActorCount + 1;

    /// <summary>Bytes after the columns: opaque, kept, hashed.</summary>
    public ReadOnlySpan<byte> ExtraBytes { get; internal init; }

    /// <summary>
    /// Whether the extra bytes begin with an author: type 1, length, the author. 3.5.0 writes one into an actor's first change, and panics or refuses when it is in
    /// another one.
    /// </summary>
    internal static bool NamesAuthor(ReadOnlySpan<byte> extraBytes) => extraBytes is [1, ..] && TryReadPrefixedBehind(extraBytes[1..]);

    internal int OtherActorCount { get; init; }

    /// <summary>The operation columns.</summary>
    internal ChangeColumns Columns { get; init; }

    /// <summary>The other actors as written, without their count.</summary>
    internal ReadOnlySpan<byte> OtherActors { get; init; }

    /// <summary>
    /// Reads the header of a type-1 chunk and counts its operations, trusting the rest: for changes that were verified when
    /// they came in.
    /// </summary>
    /// <param name="changeChunk">Exactly one change chunk.</param>
    /// <param name="knownHash">The hash under which it was stored; it is not computed again.</param>
    /// <param name="header">The view.</param>
    public static ChangeVerdict TryRead(ReadOnlySpan<byte> changeChunk, scoped in ChangeHash knownHash, out ChangeHeader header)
    {
        header = default;
        if (!ChunkReader.TryRead(changeChunk, out Chunk chunk, out ChunkError error)) return new ChangeVerdict(ChangeFault.Chunk, error.Describe());
        if (chunk.Type != ChunkType.Change) return new ChangeVerdict(ChangeFault.Chunk, "not a change chunk");
        return TryParse(chunk, knownHash, ChangeLimits.Default, out header);
    }

    internal static ChangeVerdict TryParse(scoped in Chunk chunk, scoped in ChangeHash hash, ChangeLimits limits, out ChangeHeader header)
    {
        header = default;
        ReadOnlySpan<byte> rest = chunk.Body;

        if (!Leb128.TryReadUnsigned(ref rest, out ulong depCount) || depCount > (ulong)(rest.Length / ChangeHash.Size)) return Bad("malformed dependency list");
        if (depCount > (ulong)limits.MaxDeps) return new ChangeVerdict(ChangeFault.Limit, "too many dependencies");
        ReadOnlySpan<ChangeHash> deps = ChangeHash.CastList(rest[..((int)depCount * ChangeHash.Size)]);
        rest = rest[((int)depCount * ChangeHash.Size)..];

        if (!TryReadPrefixed(ref rest, out ReadOnlySpan<byte> actor)) return Bad("malformed actor");
        if (actor.Length > limits.MaxActorBytes) return new ChangeVerdict(ChangeFault.Limit, "actor id too long");
        if (!Leb128.TryReadUnsigned(ref rest, out ulong seq)) return Bad("malformed sequence number");
        if (seq is 0 or > uint.MaxValue) return Bad("sequence number out of range");
        if (!Leb128.TryReadUnsigned(ref rest, out ulong startOp)) return Bad("malformed start operation");
        if (startOp is 0 or > uint.MaxValue) return Bad("start operation out of range");
        if (!Leb128.TryReadSigned(ref rest, out long time)) return Bad("malformed time");
        if (!TryReadPrefixed(ref rest, out ReadOnlySpan<byte> message)) return Bad("malformed message");

        if (!Leb128.TryReadUnsigned(ref rest, out ulong otherCount) || otherCount > (ulong)rest.Length) return Bad("malformed actor list");
        if (otherCount > (ulong)limits.MaxOtherActors) return new ChangeVerdict(ChangeFault.Limit, "too many actors");
        ReadOnlySpan<byte> others = rest;
        for (ulong i = 0; i < otherCount; i++)
        {
            if (!TryReadPrefixed(ref rest, out ReadOnlySpan<byte> other)) return Bad("malformed actor list");
            if (other.Length > limits.MaxActorBytes) return new ChangeVerdict(ChangeFault.Limit, "actor id too long");
        }

        others = others[..(others.Length - rest.Length)];
        ChangeVerdict layout = ChangeColumns.TryRead(ref rest, out ChangeColumns columns);
        if (!layout.IsOk) return layout;
        if (!IntegerColumnReader.TryCount(columns.Action, signed: false, limits.MaxOps, out long opCount))
            return new ChangeVerdict(ChangeFault.Column, "action column damaged or longer than allowed");
        if ((long)startOp + opCount - 1 > uint.MaxValue) return Bad("counter too large");

        header = new ChangeHeader
        {
            Hash = hash,
            Bytes = chunk.Bytes,
            Deps = deps,
            Actor = actor,
            Seq = (uint)seq,
            StartOp = (uint)startOp,
            OpCount = (uint)opCount,
            Time = time,
            Message = message,
            OtherActorCount = (int)otherCount,
            OtherActors = others,
            Columns = columns,
            ExtraBytes = rest,
        };
        return ChangeVerdict.Ok;
    }

    private static bool TryReadPrefixedBehind(ReadOnlySpan<byte> rest) => TryReadPrefixed(ref rest, out _);

    internal static bool TryReadPrefixed(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> probe = rest;
        if (!Leb128.TryReadUnsigned(ref probe, out ulong length) || length > (ulong)probe.Length)
        {
            bytes = default;
            return false;
        }

        bytes = probe[..(int)length];
        rest = probe[(int)length..];
        return true;
    }

    private static ChangeVerdict Bad(string what) => new(ChangeFault.Header, what);
}
