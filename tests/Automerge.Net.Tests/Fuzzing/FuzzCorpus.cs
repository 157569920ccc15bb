using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Tests.Documents;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Fuzzing;

/// <summary>An honest history from which hostile input is made.</summary>
internal sealed class FuzzDocument
{
    private readonly byte[]?[] _saves;
    private readonly List<(OpId Id, ChangeOp Op)>[] _ops;

    public FuzzDocument(string name, IReadOnlyList<byte[]> changes)
    {
        (Name, Changes) = (name, changes);
        _saves = new byte[changes.Count + 1][];
        _ops = new List<(OpId, ChangeOp)>[changes.Count + 1];
    }

    public string Name { get; }

    /// <summary>In an order in which they can be taken in.</summary>
    public IReadOnlyList<byte[]> Changes { get; }

    /// <summary>The document of the first so many changes.</summary>
    public byte[] Save(int count) => _saves[count] ??= BuiltDocument.Of(Changes.Take(count)).Save();

    /// <summary>The operations of the first so many changes.</summary>
    public List<(OpId Id, ChangeOp Op)> Operations(int count) => _ops[count] ??= [.. Changes.Take(count).SelectMany(OperationsOf)];

    private static IEnumerable<(OpId Id, ChangeOp Op)> OperationsOf(byte[] bytes)
    {
        Change change = Change.Decode(bytes);
        return change.Operations.Select((op, index) => (new OpId(change.StartOp + (uint)index, change.Actor), op));
    }
}

/// <summary>Small documents of every kind: made at random here, edited with our own transactions, and the generated vectors' beginnings.</summary>
internal static class FuzzCorpus
{
    private const int ChangesMax = 30;

    private static readonly Lazy<IReadOnlyList<FuzzDocument>> Made = new(Make);

    public static IReadOnlyList<FuzzDocument> Documents => Made.Value;

    private static List<FuzzDocument> Make()
    {
        List<FuzzDocument> documents = [];
        for (int seed = 1; seed <= 12; seed++) documents.Add(new FuzzDocument($"random {seed}", RandomDocument.Make(seed, 4 + (2 * seed))));
        for (int seed = 1; seed <= 6; seed++) documents.Add(new FuzzDocument($"edited {seed}", Edited(seed)));
        foreach (string file in Directory.GetFiles(VectorFiles.Generated, "doc-*.json.gz").Order(StringComparer.Ordinal))
        {
            List<byte[]> changes = [.. VectorFiles.ReadGenerated(Path.GetFileName(file)).GetProperty("changes").EnumerateArray().Take(ChangesMax).Select(Bytes)];
            if (changes.Sum(change => change.Length) < 16_000) documents.Add(new FuzzDocument(Path.GetFileName(file), changes));
        }

        return documents;
    }

    private static byte[] Bytes(JsonElement base64) => base64.GetBytesFromBase64();

    private static List<byte[]> Edited(int seed)
    {
        Random random = new(seed);
        RandomEditor editor = new(random);
        Document first = RandomEditor.Begun();
        Document second = first.Fork(RandomEditor.ActorOf(2));
        for (int i = 0; i < 8; i++)
        {
            Document one = random.Next(2) == 0 ? first : second;
            using (Transaction transaction = one.Begin(new CommitOptions(1_700_000_000 + i, i % 3 == 0 ? "an edit" : null)))
            {
                editor.Edit(transaction, 5);
                transaction.Commit();
            }

            if (random.Next(3) == 0) one.Merge(one == first ? second : first);
        }

        first.Merge(second);
        return [.. first.Changes().Select(change => change.ToArray())];
    }
}
