using System.Text;
using System.Text.Json;
using Automerge.Operations;
using Automerge.Values;

namespace Automerge.Documents;

/// <summary>What becomes of the strings of JSON.</summary>
public enum JsonStrings : byte
{
    /// <summary>Texts, which several can edit at once: as JavaScript's strings.</summary>
    Text,

    /// <summary>Scalars, which are replaced whole.</summary>
    Scalar,
}

/// <summary>Edits that bring a whole content: JSON, or a text as it shall be.</summary>
/// <remarks>
/// Numbers without a fraction become signed whole numbers, beyond their range unsigned ones, and beyond that, or with a fraction, floats; but in objects and arrays
/// zero and negative ones become floats, as 3.5.0 has it. Of a key that is there twice the last one counts. Objects are made breadth first, keys in byte order, as
/// 3.5.0 makes those assigned in JavaScript.
/// </remarks>
public sealed partial class Transaction
{
    /// <summary>Sets a map's key, or the element of a list at an index, to what JSON says.</summary>
    /// <returns>The object made; null when the JSON is a scalar.</returns>
    /// <exception cref="DocumentException">There is no such object or index, or the object is of the other kind.</exception>
    public ObjectId? PutJson(ObjectId obj, Prop prop, JsonElement json, JsonStrings strings = JsonStrings.Text)
    {
        if (KindOf(json, strings) is not { } kind)
        {
            Put(obj, prop, ScalarOf(json));
            return null;
        }

        ObjectId made = PutObject(obj, prop, kind);
        Fill(made, json, strings);
        return made;
    }

    /// <summary>Inserts what JSON says into a list.</summary>
    /// <returns>The object made; null when the JSON is a scalar.</returns>
    /// <exception cref="DocumentException">There is no such object or index, or the object is a map.</exception>
    public ObjectId? InsertJson(ObjectId obj, int index, JsonElement json, JsonStrings strings = JsonStrings.Text)
    {
        if (KindOf(json, strings) is not { } kind)
        {
            Insert(obj, index, ScalarOf(json));
            return null;
        }

        ObjectId made = InsertObject(obj, index, kind);
        Fill(made, json, strings);
        return made;
    }

    /// <summary>Puts a block marker with a description into a text.</summary>
    /// <param name="obj">The text.</param>
    /// <param name="index">Where.</param>
    /// <param name="description">What its map says: an object.</param>
    /// <param name="strings">What becomes of strings.</param>
    /// <returns>The marker's map.</returns>
    /// <exception cref="DocumentException">There is no such object, it is no text, the index is not in it, or the description is no object or nested too deep.</exception>
    public ObjectId SplitBlock(ObjectId obj, int index, JsonElement description, JsonStrings strings = JsonStrings.Text)
    {
        if (description.ValueKind != JsonValueKind.Object) throw new DocumentException(DocumentError.WrongValue, "a block is described by a JSON object");
        CheckDepth(description, 0);
        ObjectId block = SplitBlock(obj, index);
        FillDepthFirst((MapObject)Find(block), description, strings);
        return block;
    }

    /// <summary>Makes a text say something else by the fewest edits in what people see as characters, so that others' edits beside them, and marks, stay.</summary>
    /// <remarks>Block markers, and what else is no string, count as U+FFFC: they stay where the new text has one in their place. Very different texts are replaced in larger pieces.</remarks>
    /// <exception cref="DocumentException">There is no such object, or it is no text.</exception>
    public void UpdateText(ObjectId obj, ReadOnlySpan<char> text)
    {
        SequenceObject sequence = FindText(obj);
        List<DifferenceStep> steps = TextDifference.Between(View.Text(obj), text);
        long operations = 0;
        foreach (DifferenceStep step in steps) operations += step.IsEqual ? 0 : step.OldLength + step.NewLength;
        Demand(operations);
        int index = 0;
        foreach (DifferenceStep step in steps)
        {
            if (step.IsEqual) index += step.OldLength;
            else if (step.OldLength > 0) _document.Ops.DeleteRange(_pending, sequence, index, step.OldLength, utf16: true);
            else InsertCharacters(sequence, ref index, text.Slice(step.NewStart, step.NewLength), utf16: true);
        }
    }

    private static ObjectKind? KindOf(JsonElement json, JsonStrings strings) => json.ValueKind switch
    {
        JsonValueKind.Object => ObjectKind.Map,
        JsonValueKind.Array => ObjectKind.List,
        JsonValueKind.String => strings == JsonStrings.Text ? ObjectKind.Text : null,
        _ => null,
    };

    private static Value ScalarOf(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.True or JsonValueKind.False:
                return json.GetBoolean();
            case JsonValueKind.String:
                return json.GetString()!;
            case JsonValueKind.Null:
                return default;
            case JsonValueKind.Number:
                if (json.TryGetInt64(out long signed)) return signed;
                if (json.TryGetUInt64(out ulong unsigned)) return unsigned;
                double number = json.GetDouble();
                return double.IsInteger(number) && Math.Abs(number) <= 1L << 53 ? Value.Signed((long)number) : Value.Float(number);
            default:
                throw new DocumentException(DocumentError.WrongValue, "there is no JSON value");
        }
    }

    // 3.5.0 makes floats of zero and negative numbers that come inside an object or array, whole or not.
    private static Value InnerScalarOf(JsonElement json)
    {
        Value scalar = ScalarOf(json);
        return scalar.Kind == ValueKind.Signed && scalar.AsInt64() <= 0 ? Value.Float(json.GetDouble()) : scalar;
    }

    private void Fill(ObjectId made, JsonElement content, JsonStrings strings)
    {
        Queue<(OpObject Target, JsonElement Content)> pending = new();
        pending.Enqueue((Find(made), content));
        while (pending.TryDequeue(out (OpObject Target, JsonElement Content) next))
        {
            if (next.Target is MapObject map)
            {
                foreach ((byte[] key, JsonElement value) in Sorted(next.Content))
                {
                    if (PutJson(map, key, value, strings) is { } child) pending.Enqueue((child, value));
                }
            }
            else if (next.Target.IsText)
            {
                FillText((SequenceObject)next.Target, next.Content);
            }
            else
            {
                int index = 0;
                foreach (JsonElement value in next.Content.EnumerateArray())
                {
                    if (InsertJson((SequenceObject)next.Target, index++, value, strings) is { } child) pending.Enqueue((child, value));
                }
            }
        }
    }

    // 3.5.0 fills blocks so.
    private void FillDepthFirst(OpObject target, JsonElement content, JsonStrings strings)
    {
        if (target is MapObject map)
        {
            foreach ((byte[] key, JsonElement value) in Sorted(content))
            {
                if (PutJson(map, key, value, strings) is { } child) FillDepthFirst(child, value, strings);
            }
        }
        else if (target.IsText)
        {
            FillText((SequenceObject)target, content);
        }
        else
        {
            int index = 0;
            foreach (JsonElement value in content.EnumerateArray())
            {
                if (InsertJson((SequenceObject)target, index++, value, strings) is { } child) FillDepthFirst(child, value, strings);
            }
        }
    }

    private OpObject? PutJson(MapObject map, ReadOnlySpan<byte> key, JsonElement json, JsonStrings strings)
    {
        Demand(1);
        LocalId id = _pending.NextId;
        if (KindOf(json, strings) is { } kind)
        {
            _document.Ops.PutAtKey(_pending, map, key, EditValue.Make(ActionOf(kind)));
            return _document.Ops.Find(id);
        }

        using Encoded encoded = new(InnerScalarOf(json), stackalloc byte[StackBytes]);
        _document.Ops.PutAtKey(_pending, map, key, encoded.Value);
        return null;
    }

    private OpObject? InsertJson(SequenceObject list, int index, JsonElement json, JsonStrings strings)
    {
        Demand(1);
        LocalId id = _pending.NextId;
        if (KindOf(json, strings) is { } kind)
        {
            _document.Ops.Insert(_pending, list, index, utf16: false, EditValue.Make(ActionOf(kind)));
            return _document.Ops.Find(id);
        }

        using Encoded encoded = new(InnerScalarOf(json), stackalloc byte[StackBytes]);
        _document.Ops.Insert(_pending, list, index, utf16: false, encoded.Value);
        return null;
    }

    private void FillText(SequenceObject text, JsonElement content)
    {
        string characters = content.GetString()!;
        Demand(characters.Length);
        int index = 0;
        InsertCharacters(text, ref index, characters, utf16: true);
    }

    private static List<(byte[] Key, JsonElement Value)> Sorted(JsonElement json)
    {
        SortedDictionary<byte[], JsonElement> sorted = new(Comparer<byte[]>.Create(static (left, right) => left.AsSpan().SequenceCompareTo(right)));
        foreach (JsonProperty property in json.EnumerateObject()) sorted[Encoding.UTF8.GetBytes(property.Name)] = property.Value;
        List<(byte[], JsonElement)> pairs = new(sorted.Count);
        foreach ((byte[] key, JsonElement value) in sorted) pairs.Add((key, value));
        return pairs;
    }

    // What is filled depth first goes as deep as the stack; parsers stop at 64 unless told otherwise.
    private static void CheckDepth(JsonElement json, int depth)
    {
        const int DepthMax = 256;
        if (depth > DepthMax) throw new DocumentException(DocumentError.TooDeep, $"a block's description is nested deeper than {DepthMax}");
        if (json.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement element in json.EnumerateArray()) CheckDepth(element, depth + 1);
        }
        else if (json.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in json.EnumerateObject()) CheckDepth(property.Value, depth + 1);
        }
    }
}
