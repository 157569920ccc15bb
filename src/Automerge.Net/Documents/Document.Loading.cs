using Automerge.Changes;
using Automerge.Columns;
using Automerge.Format;
using Automerge.Operations;
using Automerge.Patches;

namespace Automerge.Documents;

/// <summary>What became of changes that were given to a document.</summary>
/// <param name="Added">Changes that are in the document now and were not before, those that had waited included.</param>
/// <param name="Waiting">Changes that wait in its queue for others they depend on, these or earlier ones.</param>
/// <param name="Refused">What was wrong with the first change or chunk that was refused; null when none was.</param>
public readonly record struct AppliedChanges(int Added, int Waiting, string? Refused);

public sealed partial class Document
{
    /// <summary>Loads what was saved: a document, and changes after it, or changes alone; nothing is an empty document.</summary>
    /// <param name="data">Chunks one after the other.</param>
    /// <param name="actor">Who makes the changes from now on.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="AutomergeFormatException">
    /// Something in the data is damaged, is nothing that every Automerge could keep, or depends on changes that are missing (those behind a document may: they wait).
    /// </exception>
    public static Document Load(ReadOnlySpan<byte> data, ActorId actor, DocumentOptions? options = null)
    {
        Document document = new(actor, options);
        if (data.IsEmpty) return document;
        if (!ChunkReader.TryRead(data, out Chunk first, out ChunkError error)) throw new AutomergeFormatException(error.Describe());
        bool isDocument = first.Type == ChunkType.Document;
        if (isDocument)
        {
            document.Adopt(first.Bytes);
            data = data[first.Length..];
        }

        List<byte[]> changes = [];
        string? damage = document.Cut(data, changes);
        if (damage is not null) throw new AutomergeFormatException(damage);
        AppliedChanges applied = document.Take(changes);
        if (applied.Refused is not null) throw new AutomergeFormatException(applied.Refused);
        if (applied.Waiting > 0 && !isDocument) throw new AutomergeFormatException($"{applied.Waiting} changes depend on others that are not in the data");
        return document;
    }

    /// <summary>Takes in chunks as <see cref="Load"/> does, into whatever the document holds already. What is damaged ends the data; what came before it stays.</summary>
    /// <exception cref="DocumentException">A transaction is open.</exception>
    public AppliedChanges LoadIncremental(ReadOnlySpan<byte> data)
    {
        DemandNoTransaction();
        int before = Graph.Count;
        if (before == 0 && Queue.Count == 0 && ChunkReader.TryRead(data, out Chunk first, out _) && first.Type == ChunkType.Document)
        {
            try
            {
                Adopt(first.Bytes);
            }
            catch (AutomergeFormatException damaged)
            {
                return new AppliedChanges(0, 0, damaged.Message);
            }

            data = data[first.Length..];
        }

        List<byte[]> changes = [];
        string? damage = Cut(data, changes);
        AppliedChanges applied = Take(changes);
        return new AppliedChanges(Graph.Count - before, applied.Waiting, applied.Refused ?? damage);
    }

    /// <summary>
    /// Takes in changes, in any order: those whose dependencies are missing wait for them. Changes that the document has are passed over.
    /// </summary>
    /// <param name="changes">Chunks of changes, one in each or several one after the other.</param>
    /// <exception cref="AutomergeFormatException">A change was refused; all others have been taken in but for those that depend on it.</exception>
    /// <exception cref="DocumentException">A transaction is open.</exception>
    public AppliedChanges ApplyChanges(IEnumerable<ReadOnlyMemory<byte>> changes)
    {
        ArgumentNullException.ThrowIfNull(changes);
        DemandNoTransaction();
        List<byte[]> cut = [];
        string? damage = null;
        foreach (ReadOnlyMemory<byte> change in changes) damage ??= Cut(change.Span, cut);
        AppliedChanges applied = Take(cut);
        if ((applied.Refused ?? damage) is { } refused) throw new AutomergeFormatException(refused);
        return applied;
    }

    /// <summary>As <see cref="ApplyChanges(IEnumerable{ReadOnlyMemory{byte}})"/>, of chunks one after the other.</summary>
    /// <exception cref="AutomergeFormatException">A change was refused; all others have been taken in but for those that depend on it.</exception>
    /// <exception cref="DocumentException">A transaction is open.</exception>
    public AppliedChanges ApplyChanges(ReadOnlySpan<byte> changes)
    {
        DemandNoTransaction();
        List<byte[]> cut = [];
        string? damage = Cut(changes, cut);
        AppliedChanges applied = Take(cut);
        if ((applied.Refused ?? damage) is { } refused) throw new AutomergeFormatException(refused);
        return applied;
    }

    /// <summary>Takes in the changes of another document that this one lacks. The other one stays as it is; what waits in its queue is not taken.</summary>
    /// <returns>How many there were.</returns>
    /// <exception cref="DocumentException">A transaction is open here.</exception>
    /// <exception cref="AutomergeFormatException">A change cannot be taken in: two replicas use one actor id.</exception>
    public int Merge(Document other)
    {
        ArgumentNullException.ThrowIfNull(other);
        DemandNoTransaction();
        List<int> rows = other.RowsTowards(other.Graph.Heads, Graph);
        List<byte[]> changes = new(rows.Count);
        ChangeSource source = new(other);
        source.Prepare(rows);
        foreach (int row in rows) changes.Add(source.BytesOf(row).ToArray());
        AppliedChanges applied = Take(changes);
        return applied.Refused is null ? applied.Added : throw new AutomergeFormatException(applied.Refused);
    }

    // Takes over a document chunk as the whole of an empty document.
    private void Adopt(ReadOnlySpan<byte> documentChunk)
    {
        ChangeGraph graph = new(_options.HashKey, _options.GraphLimits);
        ChangeLog log = new();
        OpSet ops = DocumentReader.Load(documentChunk, _options.DocumentLimits, graph, log);
        if (CollectsPatches) ops.Patches = PatchLog.SinceNothing();
        Ops = ops;
        (Graph, Log, _view) = (graph, log, null);
        KeepSnapshot(documentChunk.ToArray());
    }

    // Cuts chunks into the changes that they hold. Returns what was wrong with the first that was damaged; all before it are there.
    private string? Cut(ReadOnlySpan<byte> data, List<byte[]> changes)
    {
        while (!data.IsEmpty)
        {
            if (!ChunkReader.TryRead(data, out Chunk chunk, out ChunkError error)) return error.Describe();
            string? fault = chunk.Type switch
            {
                ChunkType.Change => CutChange(chunk.Bytes, changes),
                ChunkType.CompressedChange => CutCompressed(chunk, changes),
                ChunkType.Document => CutDocument(chunk, changes),
                _ => "a bundle of changes, which is not supported",
            };
            if (fault is not null) return fault;
            data = data[chunk.Length..];
        }

        return null;
    }

    private static string? CutChange(ReadOnlySpan<byte> chunk, List<byte[]> changes)
    {
        changes.Add(chunk.ToArray());
        return null;
    }

    private string? CutCompressed(in Chunk chunk, List<byte[]> changes)
    {
        using PooledBuffer inflated = new();
        if (!CompressedChange.TryInflate(chunk, _options.DocumentLimits.MaxColumnBytes, inflated, out ChunkError error)) return error.Describe();
        return CutChange(inflated.Written, changes);
    }

    private string? CutDocument(in Chunk chunk, List<byte[]> changes)
    {
        if (!DocumentHeader.TryRead(chunk, out DocumentHeader header, out string what)) return what;
        if (header.Heads.Length > 0 && Graph.ContainsAll(header.Heads)) return null;
        DocumentLimits limits = _options.DocumentLimits with { MaxRebuiltBytes = Math.Min(_options.DocumentLimits.MaxRebuiltBytes, _options.SplitBytesMax) };
        int before = changes.Count;
        if (DocumentReader.TryRead(chunk.Bytes, limits, new NewChanges(Graph, changes), out what)) return null;
        changes.RemoveRange(before, changes.Count - before);
        return what;
    }

    // Puts changes into the queue, then takes in all that can be. That order is the order of the rows of a later save.
    private AppliedChanges Take(List<byte[]> changes)
    {
        string? refused = null;
        int added = 0;
        foreach (byte[] change in changes)
        {
            ChangeVerdict verdict = ChangeVerifier.Verify(change, _options.ChangeLimits, out ChangeHeader header);
            if (!verdict.IsOk)
            {
                refused ??= $"a change was refused: {verdict}";
                continue;
            }

            if (Graph.Contains(header.Hash)) continue;
            Queue.TryEnqueue(Graph, header.Hash, header.Deps, change);
        }

        List<QueuedChange> ready = new(Queue.Count);
        Queue.TakeReady(ready);
        foreach (QueuedChange change in ready)
        {
            string? fault = TryAdd(change);
            if (fault is null)
            {
                added++;
                continue;
            }

            refused ??= $"change {change.Hash} was refused: {fault}";
            Queue.Discard(change.Hash);
        }

        if (Queue.Trim(_options.QueuedChangesMax, _options.QueuedBytesMax, out ChangeHash dropped)) refused ??= $"change {dropped} was refused: too many changes wait for others";
        return new AppliedChanges(added, Queue.Count, refused);
    }

    private string? TryAdd(in QueuedChange change)
    {
        ChangeVerdict parsed = ChangeHeader.TryRead(change.Chunk, change.Hash, out ChangeHeader header);
        if (!parsed.IsOk) return parsed.ToString();
        GraphVerdict verdict = Graph.Check(change.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount);
        if (verdict != GraphVerdict.Added) return verdict.ToString();
        ChangeVerdict applied = Ops.TryApply(header, Graph);
        if (!applied.IsOk) return applied.ToString();
        Graph.TryAdd(change.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount);
        Log.Add(header);
        _bytes.Add(change.Chunk);
        return null;
    }

    // The rows before some heads that another graph lacks, oldest first: found depth first from the heads, as 3.5.0 does, whose order of merging shows in later saves.
    private List<int> RowsTowards(ReadOnlySpan<ChangeHash> heads, ChangeGraph? known)
    {
        List<int> rows = [];
        RowMarks seen = new();
        Stack<int> pending = new();
        foreach (ref readonly ChangeHash head in heads) pending.Push(Graph.Find(head));
        while (pending.TryPop(out int row))
        {
            if (seen.IsMarked(row) || known?.Contains(Graph.HashAt(row)) == true) continue;
            seen.Mark(row);
            rows.Add(row);
            foreach (int dep in Graph.DepsOf(row)) pending.Push(dep);
        }

        rows.Reverse();
        return rows;
    }

    private sealed class NewChanges(ChangeGraph graph, List<byte[]> changes) : IDocumentSink
    {
        public void Begin(IReadOnlyList<ActorId> actors, int changeCount)
        {
        }

        public bool WantsBytes(int row) => true;

        public void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes)
        {
            if (!graph.Contains(header.Hash)) changes.Add(bytes.ToArray());
        }
    }
}
