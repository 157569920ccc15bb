using Automerge.Changes;
using Automerge.Operations;
using Automerge.Values;

namespace Automerge.Documents;

public sealed partial class DocumentView
{
    /// <summary>A cursor on what shows at an index of a text or list; at the length or beyond it the end, below 0 the beginning, as automerge 3.5.0 has it.</summary>
    /// <param name="obj">A text or list.</param>
    /// <param name="index">In a text, in <paramref name="unit"/>.</param>
    /// <param name="move">Where the cursor goes when its element is deleted.</param>
    /// <param name="unit">Says nothing in lists.</param>
    /// <exception cref="DocumentException">There is no such object, or it is a map.</exception>
    public Cursor CursorAt(ObjectId obj, int index, CursorMove move = CursorMove.After, TextUnit unit = TextUnit.Utf16)
    {
        SequenceObject sequence = FindSequence(obj);
        if (index < 0) return Cursor.Start;
        return TryFindAt(sequence, index, unit, out ElementPlace place, out _) ? Cursor.At(Ops.OpIdOf(place.InRun.Id.Plus(place.Element)), move) : Cursor.End;
    }

    /// <summary>
    /// The index at which a cursor stands. When its element is deleted: where it was, which is what follows; or, moving before, at the nearest that still shows
    /// of the elements it was inserted after, one after the other.
    /// </summary>
    /// <exception cref="DocumentException">There is no such object, it is a map, or the element is not in it.</exception>
    public int IndexOf(ObjectId obj, Cursor cursor, TextUnit unit = TextUnit.Utf16)
    {
        SequenceObject sequence = FindSequence(obj);
        if (cursor.IsStart) return 0;
        if (cursor.IsEnd) return WidthOf(sequence, unit);
        if (!TryFindElement(sequence, cursor.Element, out ElementPlace place))
            throw new DocumentException(DocumentError.NoSuchElement, $"cursor {cursor} is not in object {obj}");
        int index = IndexOf(sequence, place, unit);
        if (cursor.Move == CursorMove.After || index == 0 || Shows(place)) return index;
        return TryFindShownBefore(sequence, ref place) ? IndexOf(sequence, place, unit) : 0;
    }

    private bool Shows(in ElementPlace place)
    {
        (int start, int count) = _showing.VisibleOf(place.InRun);
        return place.Element >= start && place.Element < start + count;
    }

    // Up the references: in a run the one before, from its first to wherever that was inserted after.
    private bool TryFindShownBefore(SequenceObject sequence, ref ElementPlace place)
    {
        while (true)
        {
            (int start, int count) = _showing.VisibleOf(place.InRun);
            if (count > 0 && place.Element >= start)
            {
                place = place with { Element = Math.Min(place.Element, start + count - 1) };
                return true;
            }

            // 3.5.0 takes the ends of marks for something that shows.
            if (place.InRun.Register is { } register && register[0].Action == OpAction.Mark) return true;
            LocalId reference = place.InRun.Reference;
            if (reference.IsNone || !sequence.TryFind(reference, out place)) return false;
        }
    }

    // Automerge names an element by the operation that shows, which is seldom another than its insert.
    private bool TryFindElement(SequenceObject sequence, in OpId id, out ElementPlace place)
    {
        place = default;
        if (!Ops.TryLocal(id, out LocalId local) || !_showing.Exists(local)) return false;
        if (sequence.TryFind(local, out place)) return true;
        SequenceWalk walk = new(_showing, sequence, WalkStops.All);
        while (walk.MoveNext())
        {
            if (walk.Register is not { } register || register.Find(local, Ops.Actors) < 0) continue;
            place = walk.PlaceOf(0);
            return true;
        }

        return false;
    }
}
