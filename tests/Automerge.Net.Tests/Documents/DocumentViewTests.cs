using System.Text;
using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Values;

namespace Automerge.Tests.Documents;

public class DocumentViewTests
{
    private static readonly ActorId Alice = new([0xAA]);
    private static readonly ActorId Bob = new([0xBB]);

    [Fact]
    public void Long_values_are_the_same_in_json_wherever_they_are_cut()
    {
        Document document = new(ActorId.Parse("aa"));
        string text = string.Concat(Enumerable.Repeat("\"ü€😀\\a\n", 3_000));           // characters of one to four bytes, and some that are escaped
        byte[] bytes = [.. Enumerable.Range(0, 10_001).Select(i => (byte)i)];
        using (Transaction edit = document.Begin())
        {
            edit.Put(ObjectId.Root, "bytes", Value.Bytes(bytes));
            edit.Put(ObjectId.Root, "string", text);
            edit.Commit();
        }

        using System.Text.Json.JsonDocument json = System.Text.Json.JsonDocument.Parse(document.View.ToJson());
        Assert.Equal(text, json.RootElement.GetProperty("string").GetString());
        Assert.Equal(bytes, json.RootElement.GetProperty("bytes").GetBytesFromBase64());
    }

    [Fact]
    public void Reading_a_wrong_object_throws_naming_it()
    {
        ViewOf document = new();
        Apply(document, Alice, [Make("list", OpAction.MakeList), Make("text", OpAction.MakeText)]);
        DocumentView view = document.Now;
        ObjectId list = view.Get(ObjectId.Root, "list")!.Value.AsObject();
        Assert.Equal("object 9@aa does not exist here", Assert.Throws<DocumentException>(() => view.KindOf(new ObjectId(new OpId(9, Alice)))).Message);
        Assert.Equal(DocumentError.NoSuchObject, Assert.Throws<DocumentException>(() => view.KindOf(new ObjectId(new OpId(1, Bob)))).Error);
        Assert.Equal("object 1@aa is a list, not a map", Assert.Throws<DocumentException>(() => view.Get(list, "x")).Message);
        Assert.Equal("object 1@aa is a list, not a text", Assert.Throws<DocumentException>(() => view.Text(list)).Message);
        Assert.Equal("object _root is a map, not a list or text", Assert.Throws<DocumentException>(() => view.Get(ObjectId.Root, 0)).Message);
        Assert.Null(view.Get(list, 0));
        Assert.Null(view.Get(list, -1));
    }

    [Fact]
    public void An_object_of_later_does_not_exist_at_old_heads()
    {
        ViewOf document = new();
        ChangeHash first = Apply(document, Alice, [Put("a", 1)]);
        Apply(document, Alice, [Make("list", OpAction.MakeList)], first);
        ObjectId list = document.Now.Get(ObjectId.Root, "list")!.Value.AsObject();
        Assert.True(document.Now.Exists(list));
        Assert.False(document.At(first).Exists(list));
        Assert.Throws<DocumentException>(() => document.At(first).Length(list));
        Assert.Equal("{}", document.At().ToJson());
    }

    [Fact]
    public void Conflicting_values_are_given_ascending()
    {
        ViewOf document = new();
        Apply(document, Bob, [Put("k", "bob")]);
        Apply(document, Alice, [Put("k", "alice")]);
        IReadOnlyList<Conflict> all = document.Now.GetAll(ObjectId.Root, "k");
        Assert.Equal([new Conflict("alice", new OpId(1, Alice)), new Conflict("bob", new OpId(1, Bob))], all);
        Assert.Equal("bob", document.Now.Get(ObjectId.Root, "k"));
        Assert.Empty(document.Now.GetAll(ObjectId.Root, "other"));
    }

    [Fact]
    public void A_deleted_key_has_no_value_and_another_may_have_null()
    {
        ViewOf document = new();
        ChangeHash first = Apply(document, Alice, [Put("a", 1), Put("b", Value.Null)]);
        Apply(document, Alice, [new ChangeOp { Key = OpKey.Map("a"), Action = OpAction.Delete, Predecessors = [new OpId(1, Alice)] }], first);
        Assert.Null(document.Now.Get(ObjectId.Root, "a"));
        Assert.Equal(Value.Null, document.Now.Get(ObjectId.Root, "b"));
        Assert.Equal(["b"], document.Now.Keys(ObjectId.Root));
        Assert.Equal(["a", "b"], document.At(first).Keys(ObjectId.Root));
    }

    [Fact]
    public void A_counter_counts_the_increments_of_its_time()
    {
        ViewOf document = new();
        ChangeHash set = Apply(document, Alice, [Put("n", Value.Counter(10))]);
        ChangeHash five = Apply(document, Alice, [Increment("n", 5, new OpId(1, Alice))], set);
        ChangeHash minus = Apply(document, Bob, [Increment("n", -20, new OpId(1, Alice))], set);
        Assert.Equal(Value.Counter(-5), document.Now.Get(ObjectId.Root, "n"));
        Assert.Equal(Value.Counter(10), document.At(set).Get(ObjectId.Root, "n"));
        Assert.Equal(Value.Counter(15), document.At(five).Get(ObjectId.Root, "n"));
        Assert.Equal(Value.Counter(-10), document.At(minus).Get(ObjectId.Root, "n"));
    }

    // automerge 3.5.0 reads such a text the same way.
    [Fact]
    public void A_text_holds_other_elements_than_characters()
    {
        ViewOf document = new();
        OpId text = new(1, Alice);
        Apply(document, Alice, [Make("t", OpAction.MakeText), Insert(text, OpKey.Head, "a"), Insert(text, 2, 7), Insert(text, 3, "xyz"), Insert(text, 4, ""), Insert(text, 5, "😀")]);
        ObjectId obj = new(text);
        DocumentView view = document.Now;
        Assert.Equal("a\uFFFCxyz😀", view.Text(obj));
        Assert.Equal(7, view.Length(obj));
        Assert.Equal(6, view.Length(obj, TextUnit.Scalar));
        Assert.Equal(7, view.Get(obj, 1));
        Assert.Equal("xyz", view.Get(obj, 4));
        Assert.Equal("😀", view.Get(obj, 6));
        Assert.Equal("😀", view.Get(obj, 5, TextUnit.Scalar));
        Assert.Equal("{\"t\":\"a\uFFFCxyz\\uD83D\\uDE00\"}", view.ToJson());
    }

    [Fact]
    public void Plain_json_is_for_people()
    {
        ViewOf document = new();
        (string Key, Value Value)[] values =
        [
            ("bytes", Value.Bytes([1, 2, 255])), ("counter", Value.Counter(-3)), ("early", Value.Timestamp(long.MinValue)), ("float", 0.5), ("inf", double.NegativeInfinity),
            ("moment", Value.Timestamp(1_600_000_000_001)), ("none", Value.Null), ("odd", Value.Unknown(12, [9])), ("string", "\"é\""), ("unsigned", ulong.MaxValue),
        ];
        Apply(document, Alice, [.. values.Select(value => Put(value.Key, value.Value))]);
        Assert.Equal(
            """{"bytes":"AQL/","counter":-3,"early":-9223372036854775808,"float":0.5,"inf":"-Infinity","moment":"2020-09-13T12:26:40.001Z","none":null,"odd":"CQ==","string":"\"é\"","unsigned":18446744073709551615}""",
            document.Now.ToJson());
        Assert.Equal(
            """{"bytes":{"$bytes":"0102ff"},"counter":{"$counter":-3},"early":{"$timestamp":-9223372036854775808},"float":0.5,"inf":{"$number":"-Infinity"},"moment":{"$timestamp":1600000000001},"none":null,"odd":{"$unknown":{"type":12,"bytes":"09"}},"string":{"$str":"\"é\""},"unsigned":{"$int":"18446744073709551615"}}""",
            document.Now.ToJson(new JsonStyle { Types = JsonTypes.Tagged }));
    }

    [Theory]
    [InlineData(OpAction.MakeMap)]
    [InlineData(OpAction.MakeList)]
    public void Hostile_nesting_costs_no_stack(OpAction make)
    {
        const int Depth = 100_000;
        List<ChangeOp> ops = [Make("k", make)];
        for (uint i = 1; i < Depth; i++) ops.Add(make == OpAction.MakeMap ? Make("k", make) with { Object = new OpId(i, Alice) } : new ChangeOp { Object = new OpId(i, Alice), Key = OpKey.Head, Insert = true, Action = make });
        ViewOf document = new();
        Apply(document, Alice, ops);
        DocumentException tooDeep = Assert.Throws<DocumentException>(() => document.Now.ToJson());
        Assert.Equal(DocumentError.TooDeep, tooDeep.Error);
        Assert.Equal("object 1000@aa is nested more than 1000 deep", tooDeep.Message);
        string json = document.Now.ToJson(new JsonStyle { DepthMax = Depth + 1 });
        Assert.Equal(make == OpAction.MakeMap ? (Depth * "{\"k\":}".Length) + 2 : (2 * Depth) + "{\"k\":}".Length, json.Length);
    }

    [Fact]
    public void WriteTo_writes_where_the_callers_writer_is()
    {
        ViewOf document = new();
        Apply(document, Alice, [Put("a", 1)]);
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream))
        {
            writer.WriteStartObject();
            writer.WritePropertyName("doc");
            document.Now.WriteTo(writer, ObjectId.Root);
            writer.WriteEndObject();
        }

        Assert.Equal("""{"doc":{"a":1}}""", Encoding.UTF8.GetString(stream.ToArray()));
    }

    private static ChangeHash Apply(ViewOf document, ActorId actor, IReadOnlyList<ChangeOp> ops, params ReadOnlySpan<ChangeHash> deps)
    {
        uint startOp = 1, seq = 1;
        foreach (ref readonly ChangeHash dep in deps) startOp = Math.Max(startOp, document.Graph.MaxOpOf(document.Graph.Find(dep)) + 1);
        int known = document.Graph.FindActor(actor.Bytes);
        if (known >= 0 && document.Graph.TipOf(known) >= 0) seq = document.Graph.SeqOf(document.Graph.TipOf(known)) + 1;
        return document.Apply(new Change { Deps = deps.ToArray(), Actor = actor, Seq = seq, StartOp = startOp, Operations = ops }.Encode(out _));
    }

    private static ChangeOp Put(string key, Value value) => new() { Key = OpKey.Map(key), Action = OpAction.Set, Value = Encode(value) };

    private static ChangeOp Make(string key, OpAction make) => new() { Key = OpKey.Map(key), Action = make };

    private static ChangeOp Increment(string key, long by, OpId counter) =>
        new() { Key = OpKey.Map(key), Action = OpAction.Increment, Value = Encode(by), Predecessors = [counter] };

    private static ChangeOp Insert(OpId obj, OpKey after, Value value) => new() { Object = obj, Key = after, Insert = true, Action = OpAction.Set, Value = Encode(value) };

    private static ChangeOp Insert(OpId obj, uint after, Value value) => Insert(obj, OpKey.ListElement(new OpId(after, obj.Actor)), value);

    private static EncodedValue Encode(Value value)
    {
        byte[] bytes = new byte[value.EncodedLength];
        value.Encode(bytes);
        return new EncodedValue((byte)value.Code, bytes);
    }
}
