using Ratatoskr.Engine.Storage;
using static Ratatoskr.Storage.Tests.Contract.TestDocuments;

namespace Ratatoskr.Storage.Tests.PowerCuts;

/// <summary>
/// What one document's only writer was told, and so what must be there later. Its content is a list of numbers, each of which stands for some bytes: a tail entry holds one,
/// a snapshot's index those that were folded.
/// </summary>
internal sealed class DocumentLedger(int document)
{
    private enum Answer
    {
        /// <summary>Under way, or unknown: it may have happened or not.</summary>
        None,
        Acknowledged,
        Refused,
    }

    private readonly List<Operation> _operations = [];
    private int _next = 1;

    public Ratatoskr.Protocol.Identifiers.DocumentId Id { get; } = Id(document);

    /// <summary>Operations answered with a yes, ever.</summary>
    public int Acknowledged { get; private set; }

    public int BeginAppend()
    {
        _operations.Add(new Operation(_next));
        return _next++;
    }

    public void BeginDelete() => _operations.Add(new Operation(0));

    /// <summary>The operation begun last was carried out, and the answer was there before the power was cut.</summary>
    public void WasAcknowledged()
    {
        _operations[^1].Answer = Answer.Acknowledged;
        Acknowledged++;
    }

    public void WasRefused() => _operations[^1].Answer = Answer.Refused;

    /// <summary>From 30 bytes to six parts, each number its own.</summary>
    public byte[] BytesOf(int number)
    {
        int length = number % 13 == 0 ? 20_000 : 30 + (number * 37 % 1500);
        return Bytes((document * 100_003) + number, length);
    }

    /// <summary>A snapshot of so many numbers.</summary>
    public SnapshotBody BodyOf(IReadOnlyList<int> numbers)
    {
        byte[] index = new byte[numbers.Count * sizeof(int)];
        for (int i = 0; i < numbers.Count; i++) BitConverter.TryWriteBytes(index.AsSpan(i * sizeof(int)), numbers[i]);
        return new SnapshotBody(ChunkOf(numbers), index, new[] { Hash(numbers[^1]) });
    }

    /// <summary>The numbers that a stored document holds; each byte is compared.</summary>
    public List<int> Read(StoredDocument stored)
    {
        List<int> numbers = [];
        ReadOnlySpan<byte> index = stored.Snapshot.Index.Span;
        for (int at = 0; at < index.Length; at += sizeof(int)) numbers.Add(BitConverter.ToInt32(index[at..]));
        if (numbers.Count > 0) Assert.True(ChunkOf(numbers).AsSpan().SequenceEqual(stored.Snapshot.Chunk.Span), $"document {document}: the snapshot is damaged");
        foreach (TailEntry entry in stored.Tail)
        {
            int number = BitConverter.ToInt32(entry.Chunks.Span);
            numbers.Add(number);
            Assert.True(TailOf(number).AsSpan().SequenceEqual(entry.Chunks.Span), $"document {document}: tail entry {entry.Sequence} is damaged");
        }

        return numbers;
    }

    /// <summary>An append's bytes: the number and what it stands for.</summary>
    public byte[] TailOf(int number) => [.. BitConverter.GetBytes(number), .. BytesOf(number)];

    /// <summary>Compares with what was found after a restart, and goes on from there.</summary>
    /// <param name="when">For the message.</param>
    public void Check(StoredDocument stored, DocumentPeek peek, string when)
    {
        List<int> found = Read(stored);
        Assert.True(Explains(found, stored.Presence), $"{when}, document {document}: {stored.Presence} with [{string.Join(' ', found)}] after {string.Join(' ', _operations)}");
        Assert.Equal(stored.Presence, peek.Presence);
        // Those of the last operation; a compaction's are of what it knew of.
        if (found.Count > 0) Assert.Contains(Assert.Single(peek.Heads.ToArray()), found.Select(Hash));
        bool isDeleted = stored.Presence == StoredPresence.Tombstoned;
        _operations.Clear();
        if (isDeleted) _operations.Add(new Operation(0) { Answer = Answer.Acknowledged });
        foreach (int number in found) _operations.Add(new Operation(number) { Answer = Answer.Acknowledged });
    }

    // It begins after the last deletion that was acknowledged, or after a later one that perhaps took place; of what follows all that was acknowledged is there,
    // nothing that was refused, and nothing else.
    private bool Explains(List<int> found, StoredPresence presence)
    {
        for (int start = _operations.Count; start >= 0; start--)
        {
            Operation? deletion = start == 0 ? null : _operations[start - 1];
            if (start > 0 && (!deletion!.IsDelete || deletion.Answer == Answer.Refused)) continue;
            List<Operation> appends = [.. _operations[start..].Where(operation => !operation.IsDelete)];
            bool all = appends.TrueForAll(append => append.Answer != Answer.Acknowledged || found.Contains(append.Number));
            bool only = found.TrueForAll(number => appends.Exists(append => append.Number == number && append.Answer != Answer.Refused));
            bool ordered = found.Zip(found.Skip(1)).All(pair => pair.First < pair.Second);
            StoredPresence expected = found.Count > 0 ? StoredPresence.Present : deletion is null ? StoredPresence.Unknown : StoredPresence.Tombstoned;
            if (all && only && ordered && presence == expected) return true;
            if (deletion is { Answer: Answer.Acknowledged }) return false;
        }

        return false;
    }

    private byte[] ChunkOf(IReadOnlyList<int> numbers) => Bytes((document * 7919) + numbers[^1], 200 + (numbers.Count * 41 % 9000));

    private sealed class Operation(int number)
    {
        public int Number => number;

        public bool IsDelete => number == 0;

        public Answer Answer { get; set; }

        public override string ToString() => $"{(IsDelete ? "delete" : number.ToString(System.Globalization.CultureInfo.InvariantCulture))}{(Answer == Answer.Acknowledged ? "" : Answer == Answer.None ? "?" : "!")}";
    }
}
