using System.Buffers;
using System.Text;
using Automerge.Changes;
using Automerge.Columns;
using Automerge.Documents;
using Automerge.Operations;
using Automerge.Values;

namespace Automerge.Patches;

/// <summary>Makes the steps within one list or text, from left to right: what is left of a step is as it will be, so indexes are those of the later state.</summary>
internal sealed class SequencePatches
{
    private readonly PatchMaker _maker;
    private readonly SequenceObject _sequence;
    private readonly DocumentPath _path;
    private readonly ObjectId _object;
    private readonly Showing _before;
    private readonly Showing _after;
    private readonly bool _utf16;
    private readonly bool _into;
    private readonly MarkPatches? _marks;

    // What was found last, as long as the next may go on with it.
    private readonly ArrayBufferWriter<byte> _text = new();
    private readonly List<Value> _values = [];
    private readonly List<(int Index, bool Conflict)> _conflicts = [];
    private MarkSet _textMarks = MarkSet.Empty;
    private int _textWidth;
    private int _index;            // of the pending insert or delete
    private int _deleted;

    /// <param name="maker">Takes the steps.</param>
    /// <param name="sequence">The list or text.</param>
    /// <param name="path">Where it is.</param>
    /// <param name="before">What was; nothing for an object that is told whole.</param>
    /// <param name="unit">What indexes of texts count.</param>
    /// <param name="into">Whether objects in it are to be compared too.</param>
    public SequencePatches(PatchMaker maker, SequenceObject sequence, DocumentPath path, Showing before, TextUnit unit, bool into)
    {
        (_maker, _sequence, _path, _before, _after, _into) = (maker, sequence, path, before, maker.After, into);
        _utf16 = sequence.IsText && unit == TextUnit.Utf16;
        _object = before.Ops.ObjectIdOf(sequence.Id);
        if (sequence.Sum.Marks > 0) _marks = new MarkPatches(sequence, before, _after, _utf16);
    }

    /// <summary>Compares all elements.</summary>
    public void CompareAll()
    {
        int index = 0, position = 0;
        for (SequenceLeaf? leaf = _sequence.First; leaf is not null; leaf = leaf.Next)
        {
            for (int i = 0; i < leaf.Count; i++)
            {
                index = Compare(new ElementPlace(leaf, i, 0), leaf.Runs[i].Count, index, position);
                position += leaf.Runs[i].Count;
            }
        }

        Close();
    }

    /// <summary>Compares elements that were touched, of which some may be gone again.</summary>
    public void Compare(List<PatchLog.Touch> touches)
    {
        List<Piece> pieces = [];
        foreach (PatchLog.Touch touch in touches) AddPieces(touch, pieces);
        pieces.Sort((left, right) => left.Position.CompareTo(right.Position));
        int next = 0;
        foreach (Piece piece in pieces)
        {
            int skipped = Math.Max(0, next - piece.Position);
            if (skipped >= piece.Count) continue;
            ElementPlace place = piece.Place with { Element = piece.Place.Element + skipped };
            SequenceSum sum = _sequence.SumBefore(place);
            Compare(place, piece.Count - skipped, _utf16 ? sum.Utf16 : sum.Width, sum.Elements);
            next = piece.Position + piece.Count;
        }

        Close();
    }

    private void AddPieces(PatchLog.Touch touch, List<Piece> pieces)
    {
        for (int done = 0; done < touch.Count;)
        {
            if (!_sequence.TryFind(touch.First.Plus(done), out ElementPlace place))
            {
                done++;
                continue;
            }

            int count = Math.Min(touch.Count - done, place.InRun.Count - place.Element);
            pieces.Add(new Piece(_sequence.SumBefore(place).Elements, place, count));
            done += count;
        }
    }

    // Compares elements of a run, the first of which has an index and a position among all; returns the index behind them.
    private int Compare(in ElementPlace place, int count, int index, int position)
    {
        ref ElementRun run = ref place.InRun;
        if (run.Register is { } register) return Compare(register, index, position);
        ReadOnlySpan<byte> bytes = place.Leaf.BytesOf(place.Run);
        (int wasFrom, int was) = _before.VisibleOf(run);
        (int isFrom, int now) = _after.VisibleOf(run);
        int end = place.Element + count;
        for (int at = place.Element; at < end;)
        {
            bool showed = at >= wasFrom && at < wasFrom + was, shows = at >= isFrom && at < isFrom + now;
            int next = end;
            foreach (int border in (ReadOnlySpan<int>)[wasFrom, wasFrom + was, isFrom, isFrom + now])
            {
                if (border > at && border < next) next = border;
            }

            if (showed || shows)
            {
                int from = run.OffsetOf(at, bytes);
                ReadOnlySpan<byte> values = bytes[from..run.OffsetOf(next, bytes)];
                int width = next - at + (_utf16 && run.Surrogates > 0 ? ElementRun.CountSurrogates(values) : 0);
                if (!shows) Delete(index, width);
                else if (!showed) Insert(run, values, next - at, width, index, position + at - place.Element);
                if (shows) index += width;
            }

            at = next;
        }

        return index;
    }

    private int Compare(Register register, int index, int position)
    {
        int old = _before.Winner(register), now = _after.Winner(register);
        if (old < 0 && now < 0) return index;
        int width = now < 0 ? 0 : WidthOf(register[now]);
        if (now < 0)
        {
            Delete(index, WidthOf(register[old]));
        }
        else if (old == now)
        {
            // An empty string in a text has no place to speak of.
            if (width == 0) return index;
            Flush();
            _maker.CompareShown(_sequence, _path, index, register, now, _before, _into);
        }
        else if (old >= 0 && !_sequence.IsText)
        {
            Flush();
            _maker.Put(_sequence, _path, index, register, now);
        }
        else
        {
            if (old >= 0) Delete(index, WidthOf(register[old]));
            Insert(register, now, width, index, position);
        }

        return index + width;
    }

    private int WidthOf(in RegisterOp op)
    {
        if (!IsCharacters(op)) return 1;
        int units = Encoding.UTF8.GetCharCount(op.Value.Bytes);
        return _utf16 ? units : units - ElementRun.CountSurrogates(op.Value.Bytes);
    }

    private bool IsCharacters(in RegisterOp op) => _sequence.IsText && op.Action == OpAction.Set && op.Value.Type == ScalarCode.String;

    private void Delete(int index, int width)
    {
        if (width == 0) return;
        if (_deleted == 0 || _index != index) Flush();
        _index = index;
        _deleted += width;
    }

    private void Insert(in ElementRun run, ReadOnlySpan<byte> values, int count, int width, int index, int position)
    {
        if (_sequence.IsText)
        {
            InsertText(values, width, index, position);
            return;
        }

        BeginValues(index);
        int length = (int)(run.Metadata >> 4);
        for (int i = 0; i < count; i++) _values.Add(Value.Decode((int)(run.Metadata & 15), values.Slice(i * length, length)));
    }

    private void Insert(Register register, int now, int width, int index, int position)
    {
        ref RegisterOp op = ref register[now];
        if (IsCharacters(op))
        {
            if (width > 0) InsertText(op.Value.Bytes, width, index, position);
        }
        else
        {
            BeginValues(index);
            _values.Add(_after.ValueOf(register, now));
            _marks?.NoteInsert(index, 1);
            if (op.IsMake) _maker.Enqueue(op.Id, _path.Add(index), isNew: true);
        }

        if (width > 0 && _after.NextBelow(register, now) >= 0) _conflicts.Add((index, true));
    }

    private void InsertText(ReadOnlySpan<byte> utf8, int width, int index, int position)
    {
        MarkSet marks = _marks?.Over(position) ?? MarkSet.Empty;
        bool follows = _text.WrittenCount > 0 && marks == _textMarks && index == _index + _textWidth;
        if (!follows)
        {
            Flush();
            (_index, _textMarks) = (index, marks);
        }

        _text.Write(utf8);
        _textWidth += width;
        _marks?.NoteInsert(index, width);
    }

    private void BeginValues(int index)
    {
        if (_values.Count > 0 && index == _index + _values.Count) return;
        Flush();
        _index = index;
    }

    // Tells what is pending.
    private void Flush()
    {
        if (_deleted > 0) _maker.Add(new DeletePatch(_object, _path, _index, _deleted));
        if (_values.Count > 0) _maker.Add(new InsertPatch(_object, _path, _index, _values.ToArray()));
        if (_text.WrittenCount > 0) _maker.Add(new SplicePatch(_object, _path, _index, Encoding.UTF8.GetString(_text.WrittenSpan), _textMarks));
        _deleted = _textWidth = 0;
        _values.Clear();
        _text.ResetWrittenCount();
    }

    private void Close()
    {
        Flush();
        foreach ((int index, bool conflict) in _conflicts) _maker.Add(new ConflictPatch(_object, _path, index, conflict));
        if (_marks?.Changed() is { Count: > 0 } marks) _maker.Add(new MarkPatch(_object, _path, marks));
    }

    // Touched elements of one run.
    private readonly record struct Piece(int Position, ElementPlace Place, int Count);
}
