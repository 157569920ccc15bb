using System.Buffers;
using System.Text.Unicode;
using Automerge.Format;

namespace Automerge.Changes;

/// <summary>
/// Decides whether a change from outside may be kept: it parses, its checksum is right, its numbers are in range, it is
/// exactly what an engine would write for its content, and each operation makes sense by itself. What needs other changes
/// (dependencies, sequence, existing objects) is the change graph's and the operation set's to check.
/// </summary>
/// <remarks>Pure functions; safe on any thread. An accepted change costs no allocation; runs are never expanded.</remarks>
public static class ChangeVerifier
{
    // Documents hold differences between times; those of any two must be numbers. 2^61 seconds are five times the age of the universe.
    internal const long TimeMax = 1L << 61;

    // One flag per other actor on the stack up to here; more come from the pool.
    private const int StackActors = 256;

    /// <summary>Checks one type-1 chunk that must fill <paramref name="changeChunk"/>.</summary>
    public static ChangeVerdict Verify(ReadOnlySpan<byte> changeChunk, ChangeLimits limits, out ChangeHeader header)
    {
        ArgumentNullException.ThrowIfNull(limits);
        header = default;
        if (!ChunkReader.TryRead(changeChunk, out Chunk chunk, out ChunkError error)) return new ChangeVerdict(ChangeFault.Chunk, error.Describe());
        if (chunk.Type != ChunkType.Change) return new ChangeVerdict(ChangeFault.Chunk, "not a change chunk");
        if (chunk.Length != changeChunk.Length) return new ChangeVerdict(ChangeFault.Chunk, "data after the change");

        ChangeHash hash = chunk.ComputeHash();
        if (!chunk.ChecksumMatches(hash)) return new ChangeVerdict(ChangeFault.Checksum, "bad checksum");
        ChangeVerdict verdict = ChangeHeader.TryParse(chunk, hash, limits, out ChangeHeader parsed);
        if (verdict.IsOk) verdict = CheckHeader(parsed);
        if (verdict.IsOk) verdict = CheckOperations(parsed, limits);
        if (verdict.IsOk) header = parsed;
        return verdict;
    }

    private static ChangeVerdict CheckHeader(scoped in ChangeHeader header)
    {
        if (header.Time is < -TimeMax or > TimeMax) return new ChangeVerdict(ChangeFault.Header, "time out of range");
        if (!Utf8.IsValid(header.Message)) return new ChangeVerdict(ChangeFault.Header, "message: invalid string encoding");
        if (header.Seq > 1 && ChangeHeader.NamesAuthor(header.ExtraBytes)) return new ChangeVerdict(ChangeFault.Header, "an author is named by a change that is not its actor's first");
        return HasDuplicates(header.Deps) ? new ChangeVerdict(ChangeFault.NotCanonical, "a dependency is listed twice") : ChangeVerdict.Ok;
    }

    // All writers sort; a list out of order is tolerated (a document keeps it), but then it is sorted here to find doubles.
    private static bool HasDuplicates(ReadOnlySpan<ChangeHash> deps)
    {
        bool ascending = true;
        for (int i = 1; i < deps.Length && ascending; i++) ascending = deps[i - 1].CompareTo(deps[i]) < 0;
        if (ascending) return false;

        ChangeHash[] sorted = ArrayPool<ChangeHash>.Shared.Rent(deps.Length);
        try
        {
            deps.CopyTo(sorted);
            Span<ChangeHash> hashes = sorted.AsSpan(0, deps.Length);
            hashes.Sort();
            for (int i = 1; i < hashes.Length; i++)
                if (hashes[i - 1] == hashes[i]) return true;
            return false;
        }
        finally
        {
            ArrayPool<ChangeHash>.Shared.Return(sorted);
        }
    }

    private static ChangeVerdict CheckOperations(scoped in ChangeHeader header, ChangeLimits limits)
    {
        int others = header.OtherActorCount;
        if (!TryRankAuthor(header, out int authorRank)) return new ChangeVerdict(ChangeFault.NotCanonical, "other actors not strictly ascending, or the author among them");

        bool[]? rented = others > StackActors ? ArrayPool<bool>.Shared.Rent(others) : null;
        Span<bool> used = rented is null ? stackalloc bool[StackActors] : rented;
        used = used[..others];
        used.Clear();
        try
        {
            OpColumnsChecker checker = new(header, header.Columns, authorRank, used, limits.MaxOps);
            ChangeVerdict verdict = checker.Run();
            if (verdict.IsOk && used.Contains(false)) verdict = new ChangeVerdict(ChangeFault.NotCanonical, "an actor is listed that no operation names");
            return verdict;
        }
        finally
        {
            if (rented is not null) ArrayPool<bool>.Shared.Return(rented);
        }
    }

    // The author has index 0 whatever its bytes; its rank among the others is needed to compare operation ids.
    private static bool TryRankAuthor(in ChangeHeader header, out int rank)
    {
        rank = 0;
        ReadOnlySpan<byte> rest = header.OtherActors;
        ReadOnlySpan<byte> previous = default;
        for (int i = 0; i < header.OtherActorCount; i++)
        {
            ChangeHeader.TryReadPrefixed(ref rest, out ReadOnlySpan<byte> other);
            if (i > 0 && previous.SequenceCompareTo(other) >= 0) return false;
            int order = other.SequenceCompareTo(header.Actor);
            if (order == 0) return false;
            if (order < 0) rank++;
            previous = other;
        }

        return true;
    }
}
