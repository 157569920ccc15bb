using System.Diagnostics;
using System.Runtime.InteropServices;
using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Operations;

/// <summary>
/// The operations of a change that is being made, as runs: consecutive characters typed, or elements deleted, are one entry. They are in the op set already; this is
/// what is written at commit, and what is taken back at rollback.
/// </summary>
/// <remarks>Made to be reused. One owner, one thread.</remarks>
internal sealed class PendingOps : IDisposable
{
    /// <summary>What is kept between changes; a large one gives its memory back. 1024 entries of 64 bytes, and as much of values.</summary>
    private const int RunsKept = 1024;
    private const int ValueBytesKept = 64 * 1024;

    private PendingRun[] _runs = new PendingRun[4];
    private readonly PooledBuffer _values = new();
    private readonly List<LocalId> _predecessors = [];

    // Where RunAt was last.
    private int _cursorRun;
    private int _cursorRow;

    /// <summary>Slot of the author in the op set's actors.</summary>
    public int Author { get; private set; }

    /// <summary>Counter of the first operation.</summary>
    public uint StartOp { get; private set; }

    /// <summary>What the author knows beside these operations.</summary>
    public CausalPast Past { get; private set; } = CausalPast.Everything;

    /// <summary>Names that the op set knew before; the others go if the change is taken back.</summary>
    public int NamesBefore { get; private set; }

    /// <summary>Operations so far.</summary>
    public int Count { get; private set; }

    /// <summary>Predecessors of all of them.</summary>
    public int PredecessorCount { get; private set; }

    public bool HasMarkNames { get; private set; }

    public ReadOnlySpan<PendingRun> Runs => _runs.AsSpan(0, RunCount);

    public int RunCount { get; private set; }

    /// <summary>Values of all operations, in order.</summary>
    public ReadOnlySpan<byte> Values => _values.Written;

    public LocalId NextId => new(StartOp + (uint)Count, Author);

    /// <summary>Operations that can still be added: an id's counter has 32 bits, and a change has a limit.</summary>
    public int Room => (int)Math.Min(uint.MaxValue - (StartOp + (ulong)Count - 1), (ulong)(ChangeLimits.Default.MaxOps - Count));

    /// <summary>Starts a change.</summary>
    public void Begin(int author, uint startOp, CausalPast past, int namesBefore)
    {
        Debug.Assert(Count == 0, "another change is being made");
        (Author, StartOp, Past, NamesBefore) = (author, startOp, past, namesBefore);
    }

    /// <summary>Forgets the operations.</summary>
    public void Clear()
    {
        if (_runs.Length > RunsKept)
        {
            _runs = new PendingRun[4];
        }

        Array.Clear(_runs, 0, Math.Min(RunCount, _runs.Length));
        if (_values.Length > ValueBytesKept) _values.Dispose();
        _values.Clear();
        _predecessors.Clear();
        if (_predecessors.Capacity > RunsKept) _predecessors.Capacity = 0;
        (RunCount, Count, PredecessorCount, HasMarkNames) = (0, 0, 0, false);
        Past = CausalPast.Everything;
    }

    /// <summary>Adds an operation of any kind.</summary>
    /// <param name="run">All but the value and the predecessors.</param>
    /// <param name="value">Its bytes.</param>
    /// <param name="predecessors">Ascending.</param>
    public void Add(PendingRun run, ReadOnlySpan<byte> value, ReadOnlySpan<LocalId> predecessors)
    {
        run.Kind = PendingKind.One;
        run.Count = 1;
        run.FirstPredecessor = _predecessors.Count;
        run.Predecessors = predecessors.Length;
        _predecessors.AddRange(predecessors);
        _values.WriteBytes(value);
        PredecessorCount += predecessors.Length;
        HasMarkNames |= run.MarkName != 0;
        Append(run);
    }

    /// <summary>Adds inserts of scalars, each after the one before.</summary>
    /// <param name="sequence">The list or text.</param>
    /// <param name="reference">What the first goes after; none: the head.</param>
    /// <param name="count">How many.</param>
    /// <param name="metadata">Of each value, or <see cref="ElementRun.MixedText"/>.</param>
    /// <param name="values">The bytes of all.</param>
    public void AddInserts(SequenceObject sequence, LocalId reference, int count, uint metadata, ReadOnlySpan<byte> values)
    {
        _values.WriteBytes(values);
        if (RunCount > 0)
        {
            ref PendingRun last = ref _runs[RunCount - 1];
            bool same = last.Kind == PendingKind.Inserts && last.Target == sequence && reference == NextId.Plus(-1) && (last.Metadata == metadata || sequence.IsText);
            if (same)
            {
                if (last.Metadata != metadata) last.Metadata = ElementRun.MixedText;
                last.Count += count;
                last.ValueBytes += values.Length;
                Count += count;
                return;
            }
        }

        Append(new PendingRun
        {
            Kind = PendingKind.Inserts,
            Target = sequence,
            Element = reference,
            Count = count,
            Metadata = metadata,
            ValueBytes = values.Length,
            Action = OpAction.Set,
            Insert = true,
            Name = -1,
        });
    }

    /// <summary>Adds deletes of elements with consecutive ids that hold nothing but what they were inserted with.</summary>
    public void AddDeletes(SequenceObject sequence, LocalId first, int count)
    {
        PredecessorCount += count;
        if (RunCount > 0)
        {
            ref PendingRun last = ref _runs[RunCount - 1];
            if (last.Kind == PendingKind.Deletes && last.Target == sequence)
            {
                // One more, or all of them, in the direction of those before.
                LocalId end = last.Element.Plus(last.Step * (last.Count - 1));
                int step = first == end.Plus(1) ? 1 : first == end.Plus(-1) && count == 1 ? -1 : 0;
                if (step != 0 && (last.Count == 1 || last.Step == step))
                {
                    last.Step = (sbyte)step;
                    last.Count += count;
                    Count += count;
                    return;
                }
            }
        }

        Append(new PendingRun { Kind = PendingKind.Deletes, Target = sequence, Element = first, Count = count, Step = 1, Action = OpAction.Delete, Name = -1 });
    }

    /// <summary>Predecessors of an entry of kind <see cref="PendingKind.One"/>.</summary>
    public ReadOnlySpan<LocalId> PredecessorsOf(in PendingRun run) => CollectionsMarshal.AsSpan(_predecessors).Slice(run.FirstPredecessor, run.Predecessors);

    /// <summary>The entry that an operation is in, by its place in the change. Cheap when asked for in order, or nearly.</summary>
    public ref readonly PendingRun RunAt(int operation)
    {
        if (operation == 0) (_cursorRun, _cursorRow) = (0, 0);
        while (operation < _cursorRow) _cursorRow -= _runs[--_cursorRun].Count;
        while (operation >= _cursorRow + _runs[_cursorRun].Count) _cursorRow += _runs[_cursorRun++].Count;
        return ref _runs[_cursorRun];
    }

    public void Dispose() => _values.Dispose();

    private void Append(in PendingRun run)
    {
        if (RunCount == _runs.Length) Array.Resize(ref _runs, 2 * RunCount);
        _runs[RunCount++] = run;
        Count += run.Count;
    }
}

/// <summary>What a <see cref="PendingRun"/> stands for.</summary>
internal enum PendingKind : byte
{
    /// <summary>One operation.</summary>
    One,

    /// <summary>Inserts of scalars, each after the one before.</summary>
    Inserts,

    /// <summary>Deletes of elements, each by the one predecessor that is the element's insert.</summary>
    Deletes,
}

/// <summary>Operations of a change in the making that say the same but for counting.</summary>
internal struct PendingRun
{
    public OpObject Target;

    /// <summary>The element acted on or, by the first operation, inserted after; none: the head, or a map key.</summary>
    public LocalId Element;
    public int Count;

    /// <summary>Of each value; may be <see cref="ElementRun.MixedText"/>.</summary>
    public uint Metadata;

    /// <summary>Bytes of the values of <see cref="PendingKind.Inserts"/>.</summary>
    public int ValueBytes;

    /// <summary>Number of the map key; -1: an element.</summary>
    public int Name;

    /// <summary>Number of the mark's name plus one; else 0.</summary>
    public int MarkName;
    public int FirstPredecessor;
    public int Predecessors;
    public PendingKind Kind;
    public OpAction Action;
    public bool Insert;
    public bool Expand;

    /// <summary>From one deleted element's counter to the next's: 1 or -1.</summary>
    public sbyte Step;
}
