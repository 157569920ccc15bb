using Automerge.Columns;
using Automerge.Sync;
using SharedTests.Fuzzing;

namespace Automerge.Tests.Fuzzing;

/// <summary>Sync messages of which some parts make sense and others do not.</summary>
internal static class SyncMessageMutator
{
    public static byte[] Make(Random random, FuzzDocument document, int known)
    {
        using PooledBuffer output = new();
        output.WriteByte(random.Next(20) == 0 ? (byte)random.Next(256) : (byte)(random.Next(2) == 0 ? SyncVersion.V1 : SyncVersion.V2));
        WriteHashes(random, output, document);
        WriteHashes(random, output, document);
        int have = random.Next(8) == 0 ? random.Next(20) : random.Next(2);
        output.WriteUnsigned((ulong)have);
        for (; have > 0; have--)
        {
            WriteHashes(random, output, document);
            output.WritePrefixed(Bloom(random));
        }

        int entries = random.Next(4);
        output.WriteUnsigned((ulong)entries);
        for (; entries > 0; entries--) output.WritePrefixed(Entry(random, document, known));
        if (random.Next(4) > 0) output.WritePrefixed(random.Next(2) == 0 ? [2, (byte)(0x80 | random.Next(8))] : [(byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256)]);
        byte[] message = output.Written.ToArray();
        return random.Next(5) == 0 ? ByteMutator.Mutate(random, message) : message;
    }

    private static void WriteHashes(Random random, PooledBuffer output, FuzzDocument document)
    {
        List<byte[]> hashes = [];
        for (int count = random.Next(30) == 0 ? random.Next(10_000) : random.Next(4); count > 0; count--)
            hashes.Add(random.Next(4) == 0 ? ChangeMutator.RandomHash(random) : ChangeMutator.HashOf(document.Changes[random.Next(document.Changes.Count)]));
        if (random.Next(3) > 0) hashes.Sort((left, right) => left.AsSpan().SequenceCompareTo(right));
        output.WriteUnsigned((ulong)(random.Next(40) == 0 ? random.NextInt64() : hashes.Count));
        foreach (byte[] hash in hashes) output.WriteBytes(hash);
    }

    private static byte[] Bloom(Random random)
    {
        if (random.Next(3) == 0) return [];
        using PooledBuffer filter = new();
        ulong entries = random.Next(6) == 0 ? 1UL << random.Next(64) : (ulong)random.Next(60);
        ulong bits = random.Next(4) switch { 0 => 0, 1 => 1UL << random.Next(64), _ => 10 }, probes = random.Next(4) switch { 0 => 0, 1 => 1UL << random.Next(64), _ => 7 };
        filter.WriteUnsigned(entries);
        filter.WriteUnsigned(bits);
        filter.WriteUnsigned(probes);
        ulong length = unchecked(((entries * bits) + 7) / 8);
        byte[] content = new byte[random.Next(8) == 0 ? random.Next(40) : (int)Math.Min(length, 4096)];
        if (random.Next(2) == 0) random.NextBytes(content);
        filter.WriteBytes(content);
        return filter.Written.ToArray();
    }

    private static byte[] Entry(Random random, FuzzDocument document, int known) => random.Next(8) switch
    {
        0 => ByteMutator.Mutate(random, document.Changes[known]),
        1 => DocumentMutator.Mutate(random, document.Save(document.Changes.Count), FuzzOracles.Limits),
        2 => document.Save(random.Next(document.Changes.Count + 1)),
        3 or 4 => document.Changes[random.Next(document.Changes.Count)],
        _ => ChangeMutator.Mutate(random, document, known),
    };
}
