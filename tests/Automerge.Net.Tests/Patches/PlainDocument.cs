using System.Globalization;
using System.Text;
using Automerge.Documents;
using Automerge.Patches;
using Automerge.Values;

namespace Automerge.Tests.Patches;

/// <summary>A plain copy of what a document says, for patches to be applied to: maps, lists, and texts as units with marks.</summary>
internal sealed class PlainDocument(TextUnit unit)
{
    private Node _root = new Map();

    /// <summary>Copies what a view says.</summary>
    public static PlainDocument Of(DocumentView view, TextUnit unit)
    {
        PlainDocument copy = new(unit);
        copy._root = copy.Copy(view, ObjectId.Root, ObjectKind.Map);
        return copy;
    }

    public void Apply(IEnumerable<Patch> patches)
    {
        foreach (Patch patch in patches) Apply(patch);
    }

    public override string ToString() => ToString(asJson: false);

    /// <summary>All it says; as JSON, without conflicts and the kinds of numbers.</summary>
    public string ToString(bool asJson)
    {
        StringBuilder text = new();
        _root.Write(text, asJson);
        return text.ToString();
    }

    private void Apply(Patch patch)
    {
        Node target = _root;
        foreach (Prop step in patch.Path)
        {
            target = (target, step.IsIndex) switch
            {
                (Map map, false) => map.Places[step.Key!].Node!,
                (Elements list, true) => list.Places[step.Index].Node!,
                _ => throw new InvalidOperationException($"{patch} goes through something that is no object"),
            };
        }

        switch (patch, target)
        {
            case (PutPatch put, Map map):
                map.Places[put.Prop.Key!] = Place.Of(put.Value, put.Conflict);
                break;
            case (PutPatch put, Elements { IsText: false } list):
                list.Places[put.Prop.Index] = Place.Of(put.Value, put.Conflict);
                break;
            case (InsertPatch insert, Elements list):
                list.Places.InsertRange(insert.Index, insert.Values.Select(value => Place.Of(value, false)));
                break;
            case (SplicePatch splice, Elements { IsText: true } text):
                Assert.NotEqual("", splice.Text);
                text.Places.InsertRange(splice.Index, Units(splice.Text, splice.Marks));
                break;
            case (DeletePatch delete, Map map):
                Assert.Equal(1, delete.Length);
                Assert.True(map.Places.Remove(delete.Prop.Key!));
                break;
            case (DeletePatch delete, Elements list):
                Assert.True(delete.Length > 0);
                list.Places.RemoveRange(delete.Prop.Index, delete.Length);
                break;
            case (IncrementPatch increment, _):
                Place counter = PlaceOf(target, increment.Prop);
                counter.Scalar = Value.Counter(counter.Scalar.AsInt64() + increment.By);
                break;
            case (ConflictPatch conflict, _):
                PlaceOf(target, conflict.Prop).Conflict = conflict.Conflict;
                break;
            case (MarkPatch marks, Elements { IsText: true } text):
                foreach (Mark mark in marks.Marks) text.Mark(mark);
                break;
            default:
                throw new InvalidOperationException($"{patch} does not fit");
        }
    }

    private static Place PlaceOf(Node target, Prop prop) => target is Map map ? map.Places[prop.Key!] : ((Elements)target).Places[prop.Index];

    private Node Copy(DocumentView view, ObjectId obj, ObjectKind kind)
    {
        if (kind == ObjectKind.Text) return CopyText(view, obj);
        if (kind == ObjectKind.List)
        {
            Elements list = new() { IsText = false };
            for (int i = 0; i < view.Length(obj); i++) list.Places.Add(Copy(view, obj, i));
            return list;
        }

        Map map = new();
        foreach (string key in view.Keys(obj)) map.Places.Add(key, Copy(view, obj, key));
        return map;
    }

    private Place Copy(DocumentView view, ObjectId obj, Prop prop)
    {
        IReadOnlyList<Conflict> all = view.GetAll(obj, prop, unit);
        Value value = all[^1].Value;
        Place place = Place.Of(value, all.Count > 1);
        if (value.IsObject) place.Node = Copy(view, value.AsObject(), value.AsObjectKind());
        return place;
    }

    private Elements CopyText(DocumentView view, ObjectId obj)
    {
        Elements text = new() { IsText = true };
        foreach (Span span in view.Spans(obj, unit))
        {
            Assert.Equal(text.Places.Count, span.Start);
            if (span.IsBlock) text.Places.Add(Copy(view, obj, span.Start));
            else text.Places.AddRange(Units(span.Text!, span.Marks));
        }

        // What is neither character nor block shows as U+FFFC in a span.
        for (int i = 0; i < text.Places.Count; i++)
        {
            if (text.Places[i].Scalar == "\uFFFC" && view.Get(obj, i, unit) is { Kind: not ValueKind.String }) text.Places[i] = Copy(view, obj, i);
        }

        return text;
    }

    private IEnumerable<Place> Units(string text, MarkSet marks)
    {
        IEnumerable<string> units = unit == TextUnit.Utf16 ? text.Select(c => c.ToString()) : text.EnumerateRunes().Select(rune => rune.ToString());
        return units.Select(one => new Place { Scalar = one, Marks = new SortedDictionary<string, Value>(marks.ToDictionary(), StringComparer.Ordinal) });
    }

    private abstract class Node
    {
        public abstract void Write(StringBuilder text, bool asJson);
    }

    private sealed class Map : Node
    {
        public SortedDictionary<string, Place> Places { get; } = new(StringComparer.Ordinal);

        public override void Write(StringBuilder text, bool asJson)
        {
            text.Append('{');
            foreach ((string key, Place place) in Places)
            {
                text.Append(key).Append(':');
                place.Write(text, asJson, false);
            }

            text.Append('}');
        }
    }

    private sealed class Elements : Node
    {
        public required bool IsText { get; init; }

        public List<Place> Places { get; } = [];

        public void Mark(in Mark mark)
        {
            Assert.True(mark.Start < mark.End && mark.End <= Places.Count);
            for (int i = mark.Start; i < mark.End; i++)
            {
                Places[i].Marks.Remove(mark.Name);
                if (!mark.Value.IsNull) Places[i].Marks.Add(mark.Name, mark.Value);
            }
        }

        public override void Write(StringBuilder text, bool asJson)
        {
            text.Append(IsText ? '"' : '[');
            foreach (Place place in Places) place.Write(text, asJson, IsText);
            text.Append(IsText ? '"' : ']');
        }
    }

    private sealed class Place
    {
        public Value Scalar { get; set; }

        public Node? Node { get; set; }

        public bool Conflict { get; set; }

        public SortedDictionary<string, Value> Marks { get; init; } = [];

        public static Place Of(Value value, bool conflict) => new()
        {
            Scalar = value.IsObject ? default : value,
            Conflict = conflict,
            Node = !value.IsObject ? null : value.AsObjectKind() switch
            {
                ObjectKind.List => new Elements { IsText = false },
                ObjectKind.Text => new Elements { IsText = true },
                _ => new Map(),
            },
        };

        // What is over a block marker, and conflicts of characters, nobody is told.
        public void Write(StringBuilder text, bool asJson, bool inText)
        {
            if (Conflict && !asJson && !inText) text.Append('!');
            if (Node is not null)
            {
                Node.Write(text, asJson);
                return;
            }

            if (!inText)
            {
                text.Append(asJson && Scalar.Kind is ValueKind.Signed or ValueKind.Float ? Scalar.AsDouble() : Scalar).Append(',');
                return;
            }

            text.Append(Scalar.Kind == ValueKind.String ? Scalar.AsString() : Scalar.ToString());
            if (Scalar.Kind != ValueKind.String) return;
            foreach ((string name, Value value) in Marks) text.Append(CultureInfo.InvariantCulture, $"<{name}={value}>");
        }
    }
}
