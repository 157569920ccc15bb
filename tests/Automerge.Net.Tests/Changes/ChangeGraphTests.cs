using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using Automerge.Changes;

namespace Automerge.Tests.Changes;

public class ChangeGraphTests
{
    private static readonly byte[] Alice = [1];
    private static readonly byte[] Bob = [2];

    [Fact]
    public void TryAdd_of_a_known_hash_is_a_duplicate()
    {
        ChangeGraph graph = Line(3);
        Assert.Equal(GraphVerdict.Duplicate, graph.TryAdd(graph.HashAt(1), [], Bob, 1, 1, 1));
        Assert.Equal(3, graph.Count);
    }

    [Theory]
    [InlineData(0u, GraphVerdict.DuplicateSeq)]
    [InlineData(3u, GraphVerdict.DuplicateSeq)]
    [InlineData(4u, GraphVerdict.Added)]
    [InlineData(5u, GraphVerdict.SeqGap)]
    public void TryAdd_wants_the_next_sequence_number(uint seq, GraphVerdict expected)
    {
        ChangeGraph graph = Line(3);
        Assert.Equal(expected, graph.TryAdd(GraphMaker.Hash(100), graph.Heads.ToArray(), Alice, seq, graph.MaxOp + 1, 1));
        Assert.Equal(expected == GraphVerdict.Added ? 4 : 3, graph.Count);
    }

    [Fact]
    public void TryAdd_of_a_sequence_number_taken_is_refused_before_it_could_wait_for_dependencies()
    {
        Assert.Equal(GraphVerdict.DuplicateSeq, Line(3).TryAdd(GraphMaker.Hash(100), [GraphMaker.Hash(50)], Alice, 2, 10, 1));
    }

    [Fact]
    public void TryAdd_with_an_unknown_dependency_misses_it()
    {
        Assert.Equal(GraphVerdict.MissingDeps, Line(1).TryAdd(GraphMaker.Hash(100), [GraphMaker.Hash(50)], Bob, 7, 10, 1));
    }

    [Fact]
    public void TryAdd_whose_actors_last_change_is_not_in_its_past_is_refused()
    {
        ChangeGraph graph = Line(3);
        ChangeHash[] old = [graph.HashAt(0)];
        Assert.Equal(GraphVerdict.PreviousNotAncestor, graph.TryAdd(GraphMaker.Hash(100), old, Alice, 4, 10, 1));
        Assert.Equal(GraphVerdict.Added, graph.TryAdd(GraphMaker.Hash(101), old, Bob, 1, 10, 1));
        Assert.Equal(GraphVerdict.PreviousNotAncestor, graph.TryAdd(GraphMaker.Hash(102), [GraphMaker.Hash(101)], Alice, 4, 11, 1));
    }

    [Theory]
    [InlineData(3u, 1u, GraphVerdict.StartOpNotAfterDeps)]
    [InlineData(4u, 1u, GraphVerdict.Added)]
    [InlineData(1_000_004u, 1u, GraphVerdict.Added)]
    [InlineData(1_000_005u, 1u, GraphVerdict.GapTooLarge)]
    [InlineData(uint.MaxValue, 1u, GraphVerdict.GapTooLarge)]
    [InlineData(uint.MaxValue, 2u, GraphVerdict.CounterOutOfRange)]
    [InlineData(0u, 1u, GraphVerdict.CounterOutOfRange)]
    [InlineData(4u, uint.MaxValue - 3, GraphVerdict.Added)]
    [InlineData(4u, uint.MaxValue - 2, GraphVerdict.CounterOutOfRange)]
    public void TryAdd_bounds_operation_counters(uint startOp, uint opCount, GraphVerdict expected)
    {
        ChangeGraph graph = Line(3);
        Assert.Equal(3u, graph.MaxOp);
        Assert.Equal(expected, graph.TryAdd(GraphMaker.Hash(100), graph.Heads.ToArray(), Bob, 1, startOp, opCount));
    }

    [Fact]
    public void TryAdd_naming_a_dependency_twice_is_refused()
    {
        ChangeGraph graph = Line(2);
        ChangeHash head = graph.Heads[0];
        Assert.Equal(GraphVerdict.DuplicateDep, graph.TryAdd(GraphMaker.Hash(100), [head, head], Bob, 1, 9, 1));
        Assert.Equal(GraphVerdict.DuplicateDep, graph.TryAdd(GraphMaker.Hash(100), [head, graph.HashAt(0), head], Bob, 1, 9, 1));
    }

    [Fact]
    public void TryAdd_keeps_heads_and_dependencies_within_their_limits()
    {
        ChangeGraph graph = new(1, new ChangeGraphLimits { HeadsMax = 3, DepsMax = 3 });
        for (int i = 0; i < 3; i++) Assert.Equal(GraphVerdict.Added, graph.TryAdd(GraphMaker.Hash(i), [], GraphMaker.Actor(i), 1, 1, 1));
        Assert.Equal(GraphVerdict.TooManyHeads, graph.TryAdd(GraphMaker.Hash(9), [], Bob, 1, 1, 1));
        Assert.Equal(GraphVerdict.TooManyDeps, graph.TryAdd(GraphMaker.Hash(9), [.. graph.Heads, GraphMaker.Hash(8)], Bob, 1, 2, 1));
        Assert.Equal(GraphVerdict.Added, graph.TryAdd(GraphMaker.Hash(9), graph.Heads.ToArray(), Bob, 1, 2, 1));
        Assert.Equal([GraphMaker.Hash(9)], graph.Heads.ToArray());
    }

    [Fact]
    public void AddTrusted_keeps_repeated_dependencies_and_queries_stay_right()
    {
        ChangeGraph graph = Line(2);
        int bob = graph.InternActor(Bob);
        Assert.Equal(GraphVerdict.Added, graph.AddTrusted(GraphMaker.Hash(100), [1, 1], bob, 1, 5, 5));
        Assert.Equal([1, 1], graph.DepsOf(2).ToArray());
        Assert.Equal([GraphMaker.Hash(100)], graph.Heads.ToArray());
        Assert.Equal(GraphVerdict.Added, graph.AddTrusted(GraphMaker.Hash(101), [0], graph.InternActor([3]), 1, 5, 5));
        List<int> rows = [];
        graph.CollectNotCoveredBy([GraphMaker.Hash(101)], rows);
        Assert.Equal([1, 2], rows);
        Assert.Equal(GraphVerdict.SeqGap, graph.AddTrusted(GraphMaker.Hash(102), [2], bob, 3, 9, 9));
        Assert.Equal(GraphVerdict.PreviousNotAncestor, graph.AddTrusted(GraphMaker.Hash(102), [3], bob, 2, 9, 9));
        Assert.Throws<ArgumentOutOfRangeException>(() => graph.AddTrusted(GraphMaker.Hash(102), [4], bob, 2, 9, 9));
    }

    [Fact]
    public void Find_with_hashes_of_one_prefix_stays_right()
    {
        // Hashes ground to equal first bytes: they meet in one slot whatever the key, but nothing worse happens.
        ChangeGraph graph = new(5);
        for (int i = 0; i < 300; i++) Assert.Equal(GraphVerdict.Added, graph.TryAdd(SamePrefix(i), [], GraphMaker.Actor(i), 1, 1, 1));
        for (int i = 0; i < 300; i++) Assert.Equal(i, graph.Find(SamePrefix(i)));
        Assert.Equal(-1, graph.Find(SamePrefix(300)));
    }

    [Fact]
    public void MemoryBytes_of_a_document_of_one_change_is_some_hundred_bytes_and_of_many_about_seventy_each()
    {
        Assert.InRange(Line(1).MemoryBytes, 1, 600);
        const int Rows = 1024;
        Assert.InRange(Line(Rows).MemoryBytes / Rows, 60, 80);
    }

    [Fact]
    public void MemoryBytes_is_what_the_collector_counts()
    {
        // A graph whose arrays never had to grow has allocated exactly what it holds.
        byte[] sidecar = Sidecar(100);
        for (int i = 0; i < 3; i++) Assert.True(ChangeGraph.TryRead(sidecar, 1, out _));
        long before = GC.GetAllocatedBytesForCurrentThread();
        ChangeGraph empty = new(1);
        long emptyBytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(empty.MemoryBytes, emptyBytes);
        before = GC.GetAllocatedBytesForCurrentThread();
        Assert.True(ChangeGraph.TryRead(sidecar, 1, out ChangeGraph? graph));
        long allBytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(graph!.MemoryBytes, allBytes - 64, allBytes);
    }

    [Fact]
    public void ActorAt_finds_many_actors_by_their_bytes()
    {
        ChangeGraph graph = new(3);
        for (int i = 0; i < 1000; i++) Assert.Equal(i, graph.InternActor(BitConverter.GetBytes(i * 7919L * 65537)));
        for (int i = 0; i < 1000; i++)
        {
            byte[] id = BitConverter.GetBytes(i * 7919L * 65537);
            Assert.Equal(i, graph.FindActor(id));
            Assert.True(graph.ActorAt(i).SequenceEqual(id));
        }

        Assert.Equal(-1, graph.FindActor([]));
    }

    [Fact]
    public void CollectNotCoveredBy_old_heads_costs_as_many_steps_as_it_answers()
    {
        // Two branches that never merge: without the moments' heads every question would go back to the first row.
        ChangeGraph graph = new(1);
        Assert.Equal(GraphVerdict.Added, graph.TryAdd(GraphMaker.Hash(-1), [], Bob, 1, 1, 1));
        Assert.Equal(GraphVerdict.Added, graph.TryAdd(GraphMaker.Hash(0), [], Alice, 1, 1, 1));
        for (int i = 1; i < 50_000; i++) Assert.Equal(GraphVerdict.Added, graph.TryAdd(GraphMaker.Hash(i), [GraphMaker.Hash(i - 1)], Alice, (uint)i + 1, (uint)i + 1, 1));
        ChangeHash[] heads = [GraphMaker.Hash(-1), GraphMaker.Hash(49_990)];
        List<int> rows = new(16);
        graph.CollectNotCoveredBy(heads, rows);
        Assert.Equal(Enumerable.Range(49_992, 9), rows);
    }

    [Fact]
    public void TryRead_of_a_sidecar_cut_anywhere_or_with_any_byte_changed_is_refused()
    {
        byte[] bytes = Sidecar(12);
        Assert.True(ChangeGraph.TryRead(bytes, 1, out _));
        for (int length = 0; length < bytes.Length; length++) Assert.False(ChangeGraph.TryRead(bytes.AsSpan(0, length), 1, out _));
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] ^= 0x40;
            Assert.False(ChangeGraph.TryRead(bytes, 1, out _), $"byte {i}");
            bytes[i] ^= 0x40;
        }

        Assert.False(ChangeGraph.TryRead([.. bytes, 0], 1, out _));
    }

    [Fact]
    public void TryRead_of_a_sidecar_with_any_numbers_and_a_right_checksum_never_leaves_its_bounds()
    {
        byte[] good = Sidecar(12);
        Random random = new(4);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = [.. good];
            int at = 12 + (4 * random.Next((bytes.Length - 12) / 4));
            uint value = random.Next(4) switch { 0 => uint.MaxValue, 1 => (uint)random.Next(20), 2 => (uint)-random.Next(60), _ => (uint)random.Next() };
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), value);
            uint crc = uint.MaxValue;
            foreach (byte b in bytes.AsSpan(12)) crc = BitOperations.Crc32C(crc, b);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), ~crc);
            if (!ChangeGraph.TryRead(bytes, 1, out ChangeGraph? graph)) continue;
            List<int> rows = [];
            graph!.CollectNotCoveredBy([], rows);
            graph.CollectNotCoveredBy([graph.HashAt(graph.Count / 2)], rows);
            for (int row = 0; row < graph.Count; row++) graph.IsAncestor(0, row);
        }
    }

    private static ChangeGraph Line(int length)
    {
        ChangeGraph graph = new(42);
        for (int i = 0; i < length; i++)
        {
            ChangeHash[] heads = graph.Heads.ToArray();
            Assert.Equal(GraphVerdict.Added, graph.TryAdd(GraphMaker.Hash(i), heads, Alice, (uint)i + 1, (uint)i + 1, 1));
        }

        return graph;
    }

    private static byte[] Sidecar(int rows)
    {
        GraphMaker maker = new(11);
        for (int i = 0; i < rows; i++) maker.Grow(4, 8);
        maker.Add(50, 0, 1, 2);
        ArrayBufferWriter<byte> output = new();
        maker.Graph.WriteTo(output);
        return output.WrittenSpan.ToArray();
    }

    private static ChangeHash SamePrefix(int i)
    {
        byte[] bytes = new byte[ChangeHash.Size];
        bytes[^1] = (byte)i;
        bytes[^2] = (byte)(i >> 8);
        return new ChangeHash(bytes);
    }
}
