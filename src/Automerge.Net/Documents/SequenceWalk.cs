using System.Text;
using Automerge.Changes;
using Automerge.Columns;
using Automerge.Operations;
using Automerge.Values;

namespace Automerge.Documents;

/// <summary>At which runs a <see cref="SequenceWalk"/> stops.</summary>
internal enum WalkStops : byte
{
    /// <summary>At those that show something.</summary>
    Shown,

    /// <summary>Also at the beginnings and ends of marks.</summary>
    ShownAndMarks,

    /// <summary>At all.</summary>
    All,
}

/// <summary>A walk through the runs of a list or text, in list order.</summary>
/// <remarks>Valid until the op set changes.</remarks>
internal struct SequenceWalk
{
    private readonly Showing _showing;
    private readonly SequenceObject _sequence;
    private readonly WalkStops _stops;
    private SequenceLeaf? _leaf;
    private int _run = -1;
    private int _offset;       // bytes of the leaf before the run

    /// <param name="showing">Now, or heads.</param>
    /// <param name="sequence">The list or text.</param>
    /// <param name="stops">Where to stop.</param>
    public SequenceWalk(Showing showing, SequenceObject sequence, WalkStops stops = WalkStops.Shown) =>
        (_showing, _sequence, _stops, _leaf) = (showing, sequence, stops, sequence.First);

    public readonly ref ElementRun Run => ref _leaf!.Runs[_run];

    /// <summary>The element that has a register, or null: then the run is of scalars.</summary>
    public readonly Register? Register => Run.Register;

    /// <summary>Place of the operation that shows in <see cref="Register"/>; -1: none does.</summary>
    public int Winner { get; private set; }

    /// <summary>The first element of the run that shows.</summary>
    public int Start { get; private set; }

    /// <summary>How many show.</summary>
    public int Count { get; private set; }

    /// <summary>Whether a mark begins or ends.</summary>
    public readonly bool IsMark => Register is { } register && register[0].Action == OpAction.Mark;

    /// <summary>Whether a block marker shows: a map in a text.</summary>
    public readonly bool IsBlock => Register is { } register && Winner >= 0 && register[Winner].Action == OpAction.MakeMap;

    /// <summary>Bytes of the values that show of a run of scalars.</summary>
    public readonly ReadOnlySpan<byte> Bytes
    {
        get
        {
            ref ElementRun run = ref Run;
            ReadOnlySpan<byte> bytes = _leaf!.Bytes.AsSpan(_offset, run.Bytes);
            if (Count == run.Count) return bytes;
            bytes = bytes[run.OffsetOf(Start, bytes)..];
            return bytes[..run.OffsetOf(Count, bytes)];
        }
    }

    /// <summary>The text that shows: of characters, or of one element that holds a string. Anything else shows as U+FFFC, the object replacement character.</summary>
    public readonly ReadOnlySpan<byte> Text
    {
        get
        {
            if (Register is not { } register) return Bytes;
            ref RegisterOp op = ref register[Winner];
            return op.Action == OpAction.Set && op.Value.Type == ScalarCode.String ? op.Value.Bytes : "\uFFFC"u8;
        }
    }

    public readonly ElementPlace PlaceOf(int element) => new(_leaf!, _run, element);

    /// <summary>Whether the walk is at an element's run.</summary>
    public readonly bool IsAt(in ElementPlace place) => _leaf == place.Leaf && _run == place.Run;

    /// <summary>What shows is wide: elements of a list, scalars or UTF-16 units of a text.</summary>
    public readonly int Width(bool utf16)
    {
        if (Count == 0) return 0;
        if (!_sequence.IsText) return Count;
        if (Register is not null)
        {
            ReadOnlySpan<byte> text = Text;
            int units = Encoding.UTF8.GetCharCount(text);
            return utf16 ? units : units - ElementRun.CountSurrogates(text);
        }

        if (!utf16 || Run.Surrogates == 0) return Count;
        return Count + (Count == Run.Count ? Run.Surrogates : ElementRun.CountSurrogates(Bytes));
    }

    /// <summary>The value of an element of a run of scalars.</summary>
    public static Value ScalarAt(in ElementRun run, int element, ReadOnlySpan<byte> runBytes)
    {
        ReadOnlySpan<byte> bytes = runBytes[run.OffsetOf(element, runBytes)..];
        uint metadata = run.MetadataAt(bytes.IsEmpty ? (byte)0 : bytes[0]);
        return Value.Decode((int)(metadata & 15), bytes[..(int)(metadata >> 4)]);
    }

    public bool MoveNext()
    {
        while (_leaf is not null)
        {
            if (_run >= 0) _offset += _leaf.Runs[_run].Bytes;
            for (_run++; _run < _leaf.Count; _run++)
            {
                if (TakeRun(ref _leaf.Runs[_run])) return true;
                _offset += _leaf.Runs[_run].Bytes;
            }

            NextLeaf();
        }

        return false;
    }

    private bool TakeRun(ref ElementRun run)
    {
        if (run.Register is not { } register)
        {
            (Start, Count) = _showing.VisibleOf(run);
            return Count > 0 || _stops == WalkStops.All;
        }

        Start = 0;
        Winner = _showing.Winner(register);
        Count = Winner < 0 ? 0 : 1;
        return Winner >= 0 || _stops == WalkStops.All || (_stops == WalkStops.ShownAndMarks && register[0].Action == OpAction.Mark && _showing.Exists(run.Id));
    }

    private void NextLeaf()
    {
        do _leaf = _leaf!.Next;
        while (_leaf is not null && _stops != WalkStops.All && _showing.IsNow && _leaf.Sum is { Width: 0, Marks: 0 });
        _run = -1;
        _offset = 0;
    }
}
