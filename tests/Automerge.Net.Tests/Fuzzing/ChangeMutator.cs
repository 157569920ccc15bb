using Automerge.Changes;
using SharedTests.Fuzzing;

namespace Automerge.Tests.Fuzzing;

/// <summary>Makes a change that may come to the document of a history's first changes: from the honest next one, by damage on one level or another, or operations made up.</summary>
internal static class ChangeMutator
{
    public static byte[] Mutate(Random random, FuzzDocument document, int at)
    {
        byte[] honest = document.Changes[at];
        switch (random.Next(10))
        {
            case 0:
                byte[] damaged = ByteMutator.Mutate(random, honest);
                return random.Next(5) == 0 ? damaged : FuzzColumn.Sealed(damaged);
            case 1:
                return MutateFields(random, document, honest);
            case 2 or 3:
                ChangeParts parts = ChangeParts.Parse(honest);
                for (int count = 1 + random.Next(2); count > 0; count--) ColumnMutator.Mutate(random, parts.Columns);
                return Write(random, parts);
            case 4 or 5:
                return OperationMaker.Alter(random, document, at);
            default:
                return OperationMaker.MakeUp(random, document, at);
        }
    }

    private static byte[] MutateFields(Random random, FuzzDocument document, byte[] honest)
    {
        ChangeParts parts = ChangeParts.Parse(honest);
        byte[] other = document.Changes[random.Next(document.Changes.Count)];
        ChangeParts others = ChangeParts.Parse(other);
        ulong number = random.Next(3) switch { 0 => (ulong)random.Next(4), 1 => 1UL << random.Next(64), _ => uint.MaxValue - (ulong)random.Next(3) };
        switch (random.Next(12))
        {
            case 0: parts.Seq = random.Next(2) == 0 ? parts.Seq + (ulong)random.Next(3) - 1 : number; break;
            case 1: parts.StartOp = random.Next(2) == 0 ? parts.StartOp + (ulong)random.Next(60) - 20 : number; break;
            case 2: parts.Time = random.NextInt64(long.MinValue, long.MaxValue); break;
            case 3: parts.Message = ByteMutator.Mutate(random, parts.Message); break;
            case 4: parts.Actor = random.Next(4) == 0 ? new byte[random.Next(80)] : others.Actor; break;
            case 5: parts.Deps.Add(HashOf(other)); break;
            case 6 when parts.Deps.Count > 0: parts.Deps.RemoveAt(random.Next(parts.Deps.Count)); break;
            case 7: parts.Deps.AddRange(Enumerable.Range(0, 1 + random.Next(5000)).Select(_ => RandomHash(random))); break;
            case 8: parts.Others.Add(random.Next(2) == 0 ? others.Actor : new byte[random.Next(80)]); break;
            case 9 when parts.Others.Count > 0: parts.Others.RemoveAt(random.Next(parts.Others.Count)); break;
            case 10: parts.Others.Reverse(); break;
            default: parts.Extra = new byte[random.Next(2) == 0 ? random.Next(20) : 1 << random.Next(20)]; break;
        }

        if (random.Next(2) == 0) parts.Deps.Sort((left, right) => left.AsSpan().SequenceCompareTo(right));
        return Write(random, parts);
    }

    private static byte[] Write(Random random, ChangeParts parts)
    {
        if (random.Next(8) > 0) return parts.Write();
        byte[] deflated = parts.WriteDeflated();
        return random.Next(3) == 0 ? ByteMutator.Mutate(random, deflated) : deflated;
    }

    public static byte[] HashOf(byte[] change)
    {
        Automerge.Format.ChunkReader.TryRead(change, out Automerge.Format.Chunk chunk, out _);
        return chunk.ComputeHash().Bytes.ToArray();
    }

    public static byte[] RandomHash(Random random)
    {
        byte[] hash = new byte[ChangeHash.Size];
        random.NextBytes(hash);
        return hash;
    }
}
