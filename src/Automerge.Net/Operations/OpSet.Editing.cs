using System.Runtime.InteropServices;
using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Operations;

/// <summary>
/// Local edits: each finds its place, acts at once, and is noted in the change that is being made. What they name and when they make no operation at all is what
/// 3.5.0 does, so that the same edits make the same change.
/// </summary>
public sealed partial class OpSet
{
    /// <summary>Puts a value at a map key, deletes it, or adds to the counters there.</summary>
    internal EditOutcome PutAtKey(PendingOps pending, MapObject map, ReadOnlySpan<byte> key, in EditValue value)
    {
        int name = Names.Find(key);
        Register? register = name < 0 ? null : map.Find(name);
        _predecessors.Clear();
        if (register is not null) CollectVisible(register, pending.Past);
        EditOutcome outcome = Resolve(register, pending.Past, value, out EditValue resolved);
        if (outcome != EditOutcome.Done) return outcome;

        if (register is null)
        {
            name = Names.Intern(key);
            register = RegisterOf(map, name);
        }

        RegisterOp op = new() { Id = pending.NextId, Action = resolved.Action, Value = new StoredValue(resolved.Metadata, resolved.Bytes) };
        Put(op, register);
        if (resolved.Makes) AddObject(op.Id, op.Action, map, name, default);
        PendingRun run = new() { Target = map, Name = name, Action = op.Action, Metadata = resolved.Metadata };
        pending.Add(run, resolved.Bytes, CollectionsMarshal.AsSpan(_predecessors));
        return EditOutcome.Done;
    }

    /// <summary>Puts a value at the element that shows at an index, deletes it, or adds to the counters there.</summary>
    internal EditOutcome PutAtIndex(PendingOps pending, SequenceObject sequence, int index, bool utf16, in EditValue value) =>
        sequence.TryFindAt(index, utf16, pending.Past, out ElementPlace place, out _) ? PutAt(pending, sequence, place, value) : EditOutcome.NoSuchIndex;

    /// <summary>Inserts an element.</summary>
    /// <param name="pending">The change.</param>
    /// <param name="sequence">The list or text.</param>
    /// <param name="index">Where; at the length to append.</param>
    /// <param name="utf16">What the index counts.</param>
    /// <param name="value">A scalar, or an object to make.</param>
    internal EditOutcome Insert(PendingOps pending, SequenceObject sequence, int index, bool utf16, in EditValue value)
    {
        if (!sequence.TryFindReference(ref index, utf16, pending.Past, out ElementPlace? after)) return EditOutcome.NoSuchIndex;
        InsertAfter(pending, sequence, after, value);
        return EditOutcome.Done;
    }

    /// <summary>Inserts characters, as runs.</summary>
    /// <param name="pending">The change.</param>
    /// <param name="text">The text.</param>
    /// <param name="index">Where; moved behind what was inserted.</param>
    /// <param name="utf16">What the index counts.</param>
    /// <param name="utf8">The characters; valid.</param>
    internal EditOutcome InsertText(PendingOps pending, SequenceObject text, ref int index, bool utf16, ReadOnlySpan<byte> utf8)
    {
        if (!text.TryFindReference(ref index, utf16, pending.Past, out ElementPlace? after)) return EditOutcome.NoSuchIndex;
        while (!utf8.IsEmpty)
        {
            ElementRun run = MeasureRun(utf8);
            run.Id = pending.NextId;
            run.Reference = after is { } place ? place.InRun.Id.Plus(place.Element) : default;
            ReadOnlySpan<byte> bytes = utf8[..run.Bytes];
            text.Insert(after, run, bytes);
            CountRows(run.Count);
            pending.AddInserts(text, run.Reference, run.Count, run.Metadata, bytes);
            index += run.Count + (utf16 ? run.Surrogates : 0);
            utf8 = utf8[run.Bytes..];
            if (utf8.IsEmpty) break;
            text.TryFind(run.Last, out ElementPlace last);
            after = last;
        }

        return EditOutcome.Done;
    }

    /// <summary>Deletes what shows from an index on, as far as there is anything. An element that begins before the index stays.</summary>
    /// <param name="pending">The change.</param>
    /// <param name="sequence">The list or text.</param>
    /// <param name="index">Where.</param>
    /// <param name="count">How much; an element of a text that is wider than what is left is deleted whole.</param>
    /// <param name="utf16">What both count.</param>
    internal void DeleteRange(PendingOps pending, SequenceObject sequence, int index, int count, bool utf16)
    {
        for (int deleted = 0; deleted < count;)
        {
            if (!sequence.TryFindAt(index, utf16, pending.Past, out ElementPlace place, out int inside)) return;
            if (inside > 0)
            {
                index += sequence.WidthOf(place, pending.Past, utf16) - inside;
                continue;
            }

            if (place.InRun.Register is null && pending.Past.IsEverything)
            {
                deleted += DeleteInRun(pending, sequence, place, count - deleted, utf16);
                continue;
            }

            deleted += sequence.WidthOf(place, pending.Past, utf16);
            PutAt(pending, sequence, place, EditValue.Delete);
        }
    }

    /// <summary>Puts a mark over a stretch of a text, or takes marks away where the value is null.</summary>
    /// <param name="pending">The change.</param>
    /// <param name="text">The text.</param>
    /// <param name="start">Index of the first character.</param>
    /// <param name="end">Index behind the last; not before the start.</param>
    /// <param name="utf16">What both count.</param>
    /// <param name="name">The mark's name.</param>
    /// <param name="value">A scalar.</param>
    /// <param name="before">Whether it takes in what is inserted at its start.</param>
    /// <param name="after">Whether it takes in what is inserted at its end.</param>
    internal EditOutcome Mark(PendingOps pending, SequenceObject text, int start, int end, bool utf16, ReadOnlySpan<byte> name, in EditValue value, bool before, bool after)
    {
        if (start < 0 || end < start || end > text.WidthAt(pending.Past, utf16)) return EditOutcome.NoSuchIndex;
        if (start == end && !before && !after) return EditOutcome.Unchanged;
        text.TryFindReference(ref start, utf16, pending.Past, out ElementPlace? place);
        LocalId begin = pending.NextId;
        StoredValue stored = new(value.Metadata, value.Bytes);
        InsertAfter(pending, text, place, new RegisterOp { Action = OpAction.Mark, Expand = before, Value = stored, MarkName = Names.Intern(name) + 1 });

        // Over nothing, it ends where it begins; otherwise the end's place is looked for like any other.
        if (end <= start && text.TryFind(begin, out ElementPlace first)) place = first;
        else text.TryFindReference(ref end, utf16, pending.Past, out place);
        InsertAfter(pending, text, place, new RegisterOp { Action = OpAction.Mark, Expand = after });
        return EditOutcome.Done;
    }

    /// <summary>Takes back everything that a change in the making has done, the last operation first.</summary>
    internal void TakeBack(PendingOps pending)
    {
        LocalId id = pending.NextId;
        for (int i = pending.RunCount - 1; i >= 0; i--)
        {
            ref readonly PendingRun run = ref pending.Runs[i];
            for (int at = run.Count - 1; at >= 0; at--)
            {
                id = id.Plus(-1);
                LocalId element = run.Insert ? id : run.Kind == PendingKind.Deletes ? run.Element.Plus(run.Step * at) : run.Element;
                TakeBack(new AppliedOp(id, run.Action, run.Target, element, run.Name));
            }
        }

        Names.Truncate(pending.NamesBefore);
        pending.Clear();
    }

    private EditOutcome PutAt(PendingOps pending, SequenceObject sequence, ElementPlace place, in EditValue value)
    {
        ref ElementRun run = ref place.InRun;
        LocalId element = run.Id.Plus(place.Element);
        _predecessors.Clear();
        EditValue resolved = value;
        if (run.Register is null)
        {
            ReadOnlySpan<byte> bytes = SequenceObject.ValueOf(place);
            uint metadata = run.MetadataAt(bytes.IsEmpty ? (byte)0 : bytes[0]);
            if (value.Action == OpAction.Increment && (metadata & 15) != ScalarCode.Counter) return EditOutcome.NotACounter;
            if (value.Action == OpAction.Set && value.Equals(metadata, bytes)) return EditOutcome.Unchanged;
            _predecessors.Add(element);
        }
        else
        {
            CollectVisible(run.Register, pending.Past);
            EditOutcome outcome = Resolve(run.Register, pending.Past, value, out resolved);
            if (outcome != EditOutcome.Done) return outcome;
        }

        if (resolved.Action == OpAction.Delete && run.Register is null && run.Deleted.IsNone)
        {
            sequence.Delete(place, pending.NextId);
            CountRows(1);
            pending.AddDeletes(sequence, element, 1);
            return EditOutcome.Done;
        }

        RegisterOp op = new() { Id = pending.NextId, Action = resolved.Action, Value = new StoredValue(resolved.Metadata, resolved.Bytes) };
        Register register = RegisterOf(sequence, ref place);
        SequenceSum before = sequence.SumOf(place.InRun);
        Put(op, register);
        sequence.Changed(place, before);
        if (resolved.Makes) AddObject(op.Id, op.Action, sequence, -1, element);
        PendingRun noted = new() { Target = sequence, Element = element, Name = -1, Action = op.Action, Metadata = resolved.Metadata };
        pending.Add(noted, resolved.Bytes, CollectionsMarshal.AsSpan(_predecessors));
        return EditOutcome.Done;
    }

    private int DeleteInRun(PendingOps pending, SequenceObject sequence, ElementPlace place, int units, bool utf16)
    {
        ref ElementRun run = ref place.InRun;
        LocalId element = run.Id.Plus(place.Element);
        int count = Math.Min(units, run.Count - place.Element), width = count;
        if (utf16 && run.Surrogates > 0)
        {
            ReadOnlySpan<byte> bytes = place.Leaf.BytesOf(place.Run);
            bytes = bytes[run.OffsetOf(place.Element, bytes)..];
            int room = run.Count - place.Element;
            for (count = 0, width = 0; width < units && count < room; count++)
            {
                int length = ElementRun.Utf8Length(bytes[0]);
                width += length == 4 ? 2 : 1;
                bytes = bytes[length..];
            }
        }

        sequence.Delete(place, pending.NextId, count);
        CountRows(count);
        pending.AddDeletes(sequence, element, count);
        return width;
    }

    private void InsertAfter(PendingOps pending, SequenceObject sequence, ElementPlace? after, in EditValue value)
    {
        if (value.Action == OpAction.Set && FitsRun(value.Metadata, value.Bytes, sequence.IsText))
        {
            ElementRun run = new()
            {
                Id = pending.NextId,
                Reference = IdOf(after),
                Count = 1,
                Metadata = value.Metadata,
                Bytes = value.Bytes.Length,
                Surrogates = sequence.IsText && value.Bytes.Length == 4 ? 1 : 0,
            };
            sequence.Insert(after, run, value.Bytes);
            CountRows(1);
            pending.AddInserts(sequence, run.Reference, 1, run.Metadata, value.Bytes);
            return;
        }

        InsertAfter(pending, sequence, after, new RegisterOp { Action = value.Action, Value = new StoredValue(value.Metadata, value.Bytes) });
    }

    private void InsertAfter(PendingOps pending, SequenceObject sequence, ElementPlace? after, RegisterOp op)
    {
        op.Id = pending.NextId;
        op.Insert = true;
        _predecessors.Clear();
        ElementRun run = new() { Id = op.Id, Reference = IdOf(after), Count = 1, Register = new Register() };
        CountRegister();
        Put(op, run.Register);
        sequence.Insert(after, run, default);
        if (op.IsMake) AddObject(op.Id, op.Action, sequence, -1, op.Id);
        PendingRun noted = new()
        {
            Target = sequence,
            Element = run.Reference,
            Name = -1,
            Action = op.Action,
            Metadata = op.Value.Metadata,
            Insert = true,
            Expand = op.Expand,
            MarkName = op.MarkName,
        };
        pending.Add(noted, op.Value.Bytes, default);
    }

    // What the author sees there, ascending: what an operation of his replaces.
    private void CollectVisible(Register register, CausalPast past)
    {
        int missing = past.IsEverything ? register.VisibleCount : int.MaxValue;
        for (int i = past.IsEverything ? register.Winner : register.Count - 1; i >= 0 && missing > 0; i--)
        {
            if (!register.IsVisible(i, past, Actors)) continue;
            _predecessors.Add(register[i].Id);
            missing--;
        }

        _predecessors.Reverse();
    }

    // Whether there is anything to do: a scalar that shows already only takes away what conflicts with it, and nothing need not be deleted.
    private EditOutcome Resolve(Register? register, CausalPast past, scoped in EditValue value, out EditValue resolved)
    {
        resolved = value;
        if (_predecessors.Count == 0) return value.Action switch
        {
            OpAction.Delete => EditOutcome.Unchanged,
            OpAction.Increment => EditOutcome.NotACounter,
            _ => EditOutcome.Done,
        };

        if (value.Action == OpAction.Increment)
        {
            foreach (LocalId id in CollectionsMarshal.AsSpan(_predecessors))
            {
                if (register![register.Find(id, Actors)].IsCounter) return EditOutcome.Done;
            }

            return EditOutcome.NotACounter;
        }

        if (value.Action != OpAction.Set || !Shows(register!, past, value)) return EditOutcome.Done;
        if (_predecessors.Count == 1) return EditOutcome.Unchanged;
        _predecessors.RemoveAt(_predecessors.Count - 1);
        resolved = EditValue.Delete;
        return EditOutcome.Done;
    }

    private bool Shows(Register register, CausalPast past, in EditValue value)
    {
        int at = register.Find(_predecessors[^1], Actors);
        ref RegisterOp winner = ref register[at];
        if (winner.Action != OpAction.Set) return false;
        if (!winner.IsCounter || (value.Metadata & 15) != ScalarCode.Counter) return value.Equals(winner.Value.Metadata, winner.Value.Bytes);
        ReadOnlySpan<byte> bytes = value.Bytes;
        return Leb128.TryReadSigned(ref bytes, out long start) && start == register.CounterValue(at, past, Actors);
    }

    // As many characters as one run can have.
    private static ElementRun MeasureRun(ReadOnlySpan<byte> utf8)
    {
        int at = 0, count = 0, surrogates = 0, first = ElementRun.Utf8Length(utf8[0]);
        bool mixed = false;
        while (at < utf8.Length && count < ElementRun.CountMax)
        {
            int length = ElementRun.Utf8Length(utf8[at]);
            if (at + length > ElementRun.BytesMax) break;
            mixed |= length != first;
            surrogates += length == 4 ? 1 : 0;
            at += length;
            count++;
        }

        return new ElementRun { Count = count, Bytes = at, Metadata = mixed ? ElementRun.MixedText : ((uint)first << 4) | ScalarCode.String, Surrogates = surrogates };
    }

    private static LocalId IdOf(ElementPlace? place) => place is { } found ? found.InRun.Id.Plus(found.Element) : default;
}
