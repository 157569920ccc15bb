using System.Buffers.Binary;
using Automerge.Changes;

namespace Automerge.Tests.Changes;

/// <summary>Grows graphs of made-up changes beside a naive model: the set of ancestors of every row.</summary>
internal sealed class GraphMaker(int seed)
{
    private readonly Random _random = new(seed);

    public ChangeGraph Graph { get; } = new((ulong)seed * 0x9E37_79B9_7F4A_7C15);

    /// <summary>For each row its past and itself.</summary>
    public List<HashSet<int>> Pasts { get; } = [];

    public List<int> ActorsOfRows { get; } = [];

    public static ChangeHash Hash(long number)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        return new ChangeHash(System.Security.Cryptography.SHA256.HashData(bytes));
    }

    public static byte[] Actor(int number) => [(byte)number, (byte)(number >> 8), 7];

    /// <summary>Adds a row by a random actor that has seen its own last change and a few random rows.</summary>
    public void Grow(int actors, int recent)
    {
        int row = Graph.Count;
        int actor = _random.Next(actors);
        int index = Graph.FindActor(Actor(actor));
        int tip = index < 0 ? -1 : Graph.TipOf(index);
        HashSet<int> deps = [];
        int wanted = row == 0 ? 0 : _random.Next(10) == 0 ? _random.Next(6) : 1;
        for (int i = 0; i < wanted; i++) deps.Add(Math.Max(0, row - 1 - _random.Next(_random.Next(5) == 0 ? recent : 2)));
        if (tip >= 0 && !deps.Any(dep => Pasts[dep].Contains(tip))) deps.Add(tip);
        deps.RemoveWhere(dep => deps.Any(other => other != dep && Pasts[other].Contains(dep)));
        Add(actor, [.. deps]);
    }

    public void Add(int actor, params int[] deps)
    {
        int row = Graph.Count;
        int index = Graph.FindActor(Actor(actor));
        uint seq = index < 0 || Graph.TipOf(index) < 0 ? 1 : Graph.SeqOf(Graph.TipOf(index)) + 1;
        uint startOp = 1 + deps.Select(Graph.MaxOpOf).DefaultIfEmpty().Max();
        ChangeHash[] hashes = [.. deps.Select(dep => Graph.HashAt(dep)).Order()];
        Assert.Equal(GraphVerdict.Added, Graph.TryAdd(Hash(row), hashes, Actor(actor), seq, startOp, (uint)_random.Next(4)));
        HashSet<int> past = [row];
        foreach (int dep in deps) past.UnionWith(Pasts[dep]);
        Pasts.Add(past);
        ActorsOfRows.Add(actor);
    }

    public ChangeHash[] RandomHeads(int max)
    {
        ChangeHash[] heads = [.. Enumerable.Range(0, _random.Next(max + 1)).Select(_ => Graph.HashAt(_random.Next(Graph.Count)))];
        return _random.Next(4) == 0 ? [.. heads, Hash(-1)] : heads;
    }

    /// <summary>Rows that the model says are not covered.</summary>
    public List<int> NotCovered(ChangeHash[] heads, int from)
    {
        HashSet<int> covered = [];
        foreach (ChangeHash head in heads)
        {
            int row = Graph.Find(head);
            if (row >= 0) covered.UnionWith(Pasts[row]);
        }

        return [.. Enumerable.Range(0, Graph.Count).Where(row => row >= from && !covered.Contains(row))];
    }

    public ChangeHash[] ModelHeads() =>
        [.. Enumerable.Range(0, Graph.Count).Where(row => !Pasts.Skip(row + 1).Any(past => past.Contains(row))).Select(row => Graph.HashAt(row)).Order()];
}
