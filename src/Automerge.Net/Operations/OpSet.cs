using System.Buffers;
using System.Runtime.CompilerServices;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Patches;

namespace Automerge.Operations;

/// <summary>
/// The operations of a document as they are now: what it says, and what a change must fit to be taken in. Consecutive typing is kept as runs.
/// </summary>
/// <remarks>One owner, one thread. Nothing here knows changes: hashes and history are the <see cref="ChangeGraph"/>'s.</remarks>
public sealed partial class OpSet
{
    // Actors of one change whose slots are kept on the stack.
    private const int StackActors = 64;

    private readonly Dictionary<LocalId, OpObject> _objects = new(ById.Instance);
    private readonly MemoryCount _memory = new();
    private OpObject _lastObject;

    // The past that was worked out last, and the change it was for: the next one in a chain has the same.
    private CausalPast _past = CausalPast.Everything;
    private ChangeHash _pastOf;
    private int _pastRow = -1;

    /// <summary>Makes the op set of an empty document.</summary>
    public OpSet() => _lastObject = Root = new MapObject(default, OpAction.MakeMap);

    /// <summary>Rows of operations, and mentions of successors: what a document chunk would have of both.</summary>
    public long RowCount { get; private set; }

    /// <summary>Bytes of memory, about.</summary>
    public long MemoryBytes => 1000 + _memory.Bytes + Actors.MemoryBytes + Names.MemoryBytes + Elements.MemoryBytes;

    /// <summary>What <see cref="RowCount"/> may come to; a change that would bring more is refused.</summary>
    public long RowsMax { get; set; } = long.MaxValue;

    /// <summary>What <see cref="MemoryBytes"/> may come to; a change that would bring more is refused.</summary>
    public long BytesMax { get; set; } = long.MaxValue;

    internal ActorTable Actors { get; } = new();

    internal NameTable Names { get; } = new();

    internal ElementIndex Elements { get; } = new();

    internal MapObject Root { get; }

    /// <summary>Is told where changes act, if anybody wants to know.</summary>
    internal PatchLog? Patches { get; set; }

    /// <summary>All objects but the root.</summary>
    internal IReadOnlyCollection<OpObject> Objects => _objects.Values;

    /// <summary>
    /// Takes in the operations of a change after checking that each makes sense where it acts (format §10, rule 4): objects, elements and predecessors exist, in its
    /// author's past and in their places. All or nothing.
    /// </summary>
    /// <param name="changeChunk">A change that <see cref="ChangeVerifier"/> accepted.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="graph">
    /// The changes whose operations are here. It may already hold this one, and then others after it, whose operations are yet to come.
    /// </param>
    /// <returns>Ok, or what was wrong (<see cref="ChangeFault.Limit"/>: it would be too much); then nothing has changed.</returns>
    public ChangeVerdict TryApply(ReadOnlySpan<byte> changeChunk, in ChangeHash hash, ChangeGraph graph)
    {
        ChangeVerdict parsed = ChangeHeader.TryRead(changeChunk, hash, out ChangeHeader header);
        return parsed.IsOk ? TryApply(header, graph) : parsed;
    }

    /// <summary>As the other one, for who has read the change already.</summary>
    /// <param name="header">Of a change that <see cref="ChangeVerifier"/> accepted, with its hash.</param>
    /// <param name="graph">The changes whose operations are here.</param>
    public ChangeVerdict TryApply(scoped in ChangeHeader header, ChangeGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        if (header.OpCount == 0) return ChangeVerdict.Ok;
        if (header.OpCount > RowsMax - RowCount) return TooLarge;

        int[]? rented = header.ActorCount > StackActors ? ArrayPool<int>.Shared.Rent(header.ActorCount) : null;
        Span<int> slots = rented is null ? stackalloc int[StackActors] : rented;
        slots = slots[..header.ActorCount];
        try
        {
            if (!TryFindActors(header, slots)) return new ChangeVerdict(ChangeFault.Reference, "an actor is named that made no operation");
            CausalPast past = PastOf(header, graph, slots[0]);
            ChangeOpReader ops = new(header.Columns, header.OpCount, header.StartOp, slots);
            return TryApply(ref ops, past, slots[0]);
        }
        finally
        {
            if (rented is not null) ArrayPool<int>.Shared.Return(rented);
        }
    }

    /// <summary>Reads the operations of a document.</summary>
    /// <param name="documentChunk">Exactly one document chunk that <see cref="DocumentReader"/> accepted.</param>
    /// <param name="limits">What the chunk may claim.</param>
    /// <param name="bytesMax">What <see cref="MemoryBytes"/> may come to, now and later.</param>
    /// <exception cref="AutomergeFormatException">More rows or memory than allowed, or not a verified document.</exception>
    public static OpSet Load(ReadOnlySpan<byte> documentChunk, DocumentLimits limits, long bytesMax = long.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(limits);
        if (!ChunkReader.TryRead(documentChunk, out Chunk chunk, out ChunkError error)) throw new AutomergeFormatException(error.Describe());
        if (!DocumentHeader.TryRead(chunk, out DocumentHeader header, out string what)) DocumentFault.Throw(what);
        using DocumentColumns changeColumns = new();
        using DocumentColumns opColumns = new();
        ReadOnlySpan<byte> rest = header.Rest;
        changeColumns.ReadLayout(ref rest);
        opColumns.ReadLayout(ref rest);
        changeColumns.SkipData(ref rest);
        opColumns.ReadData(ref rest, limits.MaxColumnBytes, limits.MaxInflatedBytes);
        return OpSetReader.Read(opColumns, header.CopyActors(), limits.RowsMax, bytesMax);
    }

    /// <summary>An object by the operation that made it; null when there is none. The root has none.</summary>
    internal OpObject? Find(LocalId id)
    {
        if (_lastObject.Id == id) return _lastObject;
        OpObject? found = Root;
        if (!id.IsNone && !_objects.TryGetValue(id, out found)) return null;
        return _lastObject = found;
    }

    private bool TryFindActors(in ChangeHeader header, Span<int> slots)
    {
        slots[0] = Actors.Intern(header.Actor);
        ReadOnlySpan<byte> rest = header.OtherActors;
        for (int i = 1; i < slots.Length; i++)
        {
            ChangeHeader.TryReadPrefixed(ref rest, out ReadOnlySpan<byte> other);
            slots[i] = Actors.Find(other);
            if (slots[i] < 0) return false;
        }

        return true;
    }

    // A change that follows the last one alone has the same past and that one: what was outside still is, and the last author's changes are all inside.
    private CausalPast PastOf(in ChangeHeader header, ChangeGraph graph, int author)
    {
        int row = graph.Find(header.Hash);
        if (row < 0) row = graph.Count;
        bool follows = header.Deps.Length == 1 && header.Deps[0] == _pastOf && row == _pastRow + 1;
        if (!follows) _past = CausalPast.Of(graph, header.Deps, Actors, author, row);
        (_pastOf, _pastRow) = (header.Hash, row);
        return _past;
    }

    internal OpObject AddObject(LocalId id, OpAction made, OpObject parent, int name, LocalId element)
    {
        OpObject added = made is OpAction.MakeList or OpAction.MakeText
            ? new SequenceObject(id, made, Actors, Elements, _memory) { Parent = parent, ParentName = name, ParentElement = element }
            : new MapObject(id, made) { Parent = parent, ParentName = name, ParentElement = element };
        _objects.Add(id, added);
        _memory.Bytes += ObjectBytes;
        return added;
    }

    internal Register RegisterOf(MapObject map, int name)
    {
        CountRegister();
        return map.FindOrAdd(name);
    }

    // Of an element, which gets one if it was in a run so far.
    private Register RegisterOf(SequenceObject sequence, ref ElementPlace place)
    {
        if (place.InRun.Register is { } known) return known;
        Register made = sequence.RegisterOf(ref place);
        CountRegister();
        CountRow(made[0]);
        return made;
    }

    internal void CountRows(long rows) => RowCount += rows;

    internal void CountRegister() => _memory.Bytes += RegisterBytes;

    internal void CountRow(in RegisterOp op) => _memory.Bytes += RowBytes + op.Value.HeapBytes;

    // An object with its place in the table; a key with register and row.
    private const int ObjectBytes = 200;
    private static readonly int RowBytes = Unsafe.SizeOf<RegisterOp>() + 8;
    private const int RegisterBytes = 64;
    private const int SuccessorBytes = 16;

    // Counters are their author's to choose, so the numbers alone would make a table that can be made slow.
    private sealed class ById : IEqualityComparer<LocalId>
    {
        public static readonly ById Instance = new();

        public bool Equals(LocalId x, LocalId y) => x.Bits == y.Bits;

        public int GetHashCode(LocalId obj) => HashCode.Combine(obj.Bits);
    }
}
