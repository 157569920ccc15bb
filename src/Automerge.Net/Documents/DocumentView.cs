using Automerge.Changes;
using Automerge.Operations;
using Automerge.Values;

namespace Automerge.Documents;

/// <summary>One of the values that stand at a place after concurrent edits, and the operation that put it there.</summary>
/// <param name="Value">The value.</param>
/// <param name="Id">The greatest id's value is the one that shows.</param>
public readonly record struct Conflict(Value Value, OpId Id);

/// <summary>
/// Reads what a document says: now, or as it was at heads it had. A view of now follows the document; one of old heads stays as it is.
/// </summary>
/// <remarks>
/// For the document's owner, on its thread; results are copies. Now, finding by index costs the logarithm of the length and text little more than copying;
/// at old heads a list or text is walked from its beginning.
/// </remarks>
public sealed partial class DocumentView
{
    private readonly Showing _showing;

    internal DocumentView(OpSet ops, CausalPast? past = null) => _showing = new Showing(ops, past ?? CausalPast.Everything);

    private OpSet Ops => _showing.Ops;

    /// <summary>Whether there is such an object, shown or not: one that was deleted can still be read.</summary>
    public bool Exists(ObjectId obj) => Ops.Find(obj) is { } found && _showing.Exists(found.Id);

    /// <summary>What an object is.</summary>
    /// <exception cref="DocumentException">There is no such object.</exception>
    public ObjectKind KindOf(ObjectId obj) => Showing.KindOf(Find(obj).Made);

    /// <summary>The value of a map's key; null when it has none. A value that is null is another thing: <see cref="Value.Null"/>.</summary>
    /// <exception cref="DocumentException">There is no such object, or it is no map.</exception>
    public Value? Get(ObjectId obj, string key)
    {
        if (RegisterOf(FindMap(obj), key) is not { } register) return null;
        int winner = _showing.Winner(register);
        return winner < 0 ? default(Value?) : _showing.ValueOf(register, winner);
    }

    /// <summary>The element of a list or text at an index; null beyond the end. A text's elements are strings, of one character each as a rule.</summary>
    /// <exception cref="DocumentException">There is no such object, or it is a map.</exception>
    public Value? Get(ObjectId obj, int index, TextUnit unit = TextUnit.Utf16)
    {
        SequenceObject sequence = FindSequence(obj);
        if (!TryFindAt(sequence, index, unit, out ElementPlace place, out _)) return null;
        if (place.InRun.Register is { } register) return _showing.ValueOf(register, _showing.Winner(register));
        return SequenceWalk.ScalarAt(place.InRun, place.Element, place.Leaf.BytesOf(place.Run));
    }

    /// <summary>The value at a map's key, or at an index of a list or text; null when there is none.</summary>
    /// <exception cref="DocumentException">There is no such object, or it is of the other kind.</exception>
    public Value? Get(ObjectId obj, Prop prop, TextUnit unit = TextUnit.Utf16) => prop.IsIndex ? Get(obj, prop.Index, unit) : Get(obj, prop.Key!);

    /// <summary>All values that stand at a place, ascending by id: the last one shows, and more than one are a conflict.</summary>
    /// <exception cref="DocumentException">There is no such object, or it is of the other kind.</exception>
    public IReadOnlyList<Conflict> GetAll(ObjectId obj, Prop prop, TextUnit unit = TextUnit.Utf16)
    {
        Register? register;
        if (prop.IsIndex)
        {
            if (!TryFindAt(FindSequence(obj), prop.Index, unit, out ElementPlace place, out _)) return [];
            if (place.InRun.Register is null)
            {
                Value scalar = SequenceWalk.ScalarAt(place.InRun, place.Element, place.Leaf.BytesOf(place.Run));
                return [new Conflict(scalar, Ops.OpIdOf(place.InRun.Id.Plus(place.Element)))];
            }

            register = place.InRun.Register;
        }
        else
        {
            register = RegisterOf(FindMap(obj), prop.Key!);
        }

        List<Conflict> all = [];
        if (register is null) return all;
        for (int i = _showing.Winner(register); i >= 0; i = _showing.NextBelow(register, i))
            all.Add(new Conflict(_showing.ValueOf(register, i), Ops.OpIdOf(register[i].Id)));
        all.Reverse();
        return all;
    }

    /// <summary>The keys of a map that have a value, in the order of their UTF-8 bytes.</summary>
    /// <exception cref="DocumentException">There is no such object, or it is no map.</exception>
    public IReadOnlyList<string> Keys(ObjectId obj)
    {
        MapObject map = FindMap(obj);
        int[] shown = _showing.ShownNames(map);
        string[] keys = new string[shown.Length];
        for (int i = 0; i < keys.Length; i++) keys[i] = Ops.Names.Text(shown[i]);
        return keys;
    }

    /// <summary>Keys of a map, elements of a list, or width of a text.</summary>
    /// <exception cref="DocumentException">There is no such object.</exception>
    public int Length(ObjectId obj, TextUnit unit = TextUnit.Utf16)
    {
        OpObject found = Find(obj);
        if (found is SequenceObject sequence) return WidthOf(sequence, unit);
        int count = 0;
        foreach (Register register in ((MapObject)found).Registers) count += _showing.Winner(register) >= 0 ? 1 : 0;
        return count;
    }

    /// <summary>The string of a text. Block markers, and whatever else is no string, are U+FFFC.</summary>
    /// <exception cref="DocumentException">There is no such object, or it is no text.</exception>
    public string Text(ObjectId obj) => TextOf(FindText(obj));

    internal OpObject Find(ObjectId obj)
    {
        OpObject? found = Ops.Find(obj);
        return found is not null && _showing.Exists(found.Id) ? found : throw DocumentException.NoSuchObject(obj);
    }

    internal SequenceObject FindSequence(ObjectId obj) => Find(obj) is { } found && found is SequenceObject sequence
        ? sequence
        : throw DocumentException.WrongKind(obj, KindOf(obj), "list or text");

    internal SequenceObject FindText(ObjectId obj) => Find(obj) is SequenceObject { IsText: true } text
        ? text
        : throw DocumentException.WrongKind(obj, KindOf(obj), "text");

    internal MapObject FindMap(ObjectId obj) => Find(obj) as MapObject ?? throw DocumentException.WrongKind(obj, KindOf(obj), "map");

    internal Register? RegisterOf(MapObject map, string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        int name = Ops.Names.Find(key);
        return name < 0 ? null : map.Find(name);
    }
}
