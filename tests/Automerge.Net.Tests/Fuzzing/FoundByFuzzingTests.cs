using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Tests.Changes;
using Automerge.Tests.Documents;
using Automerge.Values;

namespace Automerge.Tests.Fuzzing;

/// <summary>What was taken in once and must not be: automerge 3.5.0 breaks on it, on the spot or later.</summary>
public class FoundByFuzzingTests
{
    // 3.5.0 loads this document, and its changes break every other document that takes them in ("Missing from Index").
    [Fact]
    public void Load_document_with_operations_in_a_table_is_refused() => AssertRefused(
        Honest(new ChangeOp { Key = OpKey.Map("t"), Action = OpAction.MakeMap }, Put(new OpId(1, TestChanges.Alice), "k")),
        rows => rows[0].Action = (long)OpAction.MakeTable,
        "table");

    // 3.5.0 shows a list with it one way before it loads its save and another way after.
    [Fact]
    public void Mark_in_a_list_is_refused()
    {
        ChangeOp mark = new() { Object = new OpId(1, TestChanges.Alice), Key = OpKey.Head, Insert = true, Action = OpAction.Mark, MarkName = "bold", Value = new(2, default) };
        byte[] InA(OpAction kind) => Change(TestChanges.Alice, [new ChangeOp { Key = OpKey.Map("t"), Action = kind }, mark]);
        AutomergeFormatException refused = Assert.Throws<AutomergeFormatException>(() => new Document(TestChanges.Bob).ApplyChanges(InA(OpAction.MakeList)));
        Assert.Contains("mark in a list", refused.Message, StringComparison.Ordinal);
        AssertRefused(BuiltDocument.Of([InA(OpAction.MakeText)]).Save(), rows => rows[0].Action = (long)OpAction.MakeList, "mark in a list");
    }

    // 3.5.0 shows a text with it one way in its marks and another way in its spans.
    [Fact]
    public void Value_at_a_mark_is_refused()
    {
        OpId text = new(1, TestChanges.Alice), mark = new(2, TestChanges.Alice);
        ChangeOp make = new() { Key = OpKey.Map("t"), Action = OpAction.MakeText }, put = new() { Object = text, Key = OpKey.ListElement(mark), Action = OpAction.Set, Value = TestChanges.Text("x") };
        ChangeOp begin = new() { Object = text, Key = OpKey.Head, Insert = true, Action = OpAction.Mark, MarkName = "bold", Value = new(2, default) };
        AutomergeFormatException refused = Assert.Throws<AutomergeFormatException>(() => new Document(TestChanges.Bob).ApplyChanges(Change(TestChanges.Alice, [make, begin, put])));
        Assert.Contains("is a mark", refused.Message, StringComparison.Ordinal);

        ChangeOp insert = begin with { Action = OpAction.Set, MarkName = null, Value = TestChanges.Text("y") };
        AssertRefused(BuiltDocument.Of([Change(TestChanges.Alice, [make, insert, put])]).Save(), MakeMark, "is a mark");
        AssertRefused(BuiltDocument.Of([Change(TestChanges.Alice, [make, insert, put with { Action = OpAction.Delete, Value = default, Predecessors = [mark] }])]).Save(), MakeMark, "no value");

        static void MakeMark(List<DocumentRow> rows) => (rows[1].Action, rows[1].MarkName, rows[1].Metadata, rows[1].Value) = ((long)OpAction.Mark, "bold"u8.ToArray(), 2, []);
    }

    [Fact]
    public void Load_document_with_a_predecessor_of_the_same_counter_is_refused()
    {
        byte[] alice = Change(TestChanges.Alice, [Put(null, "k")]), bob = Change(TestChanges.Bob, [Put(null, "k")]);
        AssertRefused(BuiltDocument.Of([alice, bob]).Save(), rows => rows[0].Successors.Add(rows[1].Id), "successors");
    }

    [Fact]
    public void Load_document_with_an_operation_before_its_object_is_refused()
    {
        byte[] alice = Change(TestChanges.Alice, [Put(null, "k"), new ChangeOp { Key = OpKey.Map("m"), Action = OpAction.MakeMap }]);
        byte[] bob = Change(TestChanges.Bob, [Put(null, "l")]);
        AssertRefused(BuiltDocument.Of([alice, bob]).Save(), MoveIntoMap, "object");

        static void MoveIntoMap(List<DocumentRow> rows)
        {
            DocumentRow moved = rows.Find(row => row.Key is [(byte)'l'])!, made = rows.Find(row => row.Key is [(byte)'m'])!;
            moved.Object = made.Id;
            rows.Remove(moved);
            rows.Add(moved);
        }
    }

    [Fact]
    public void Load_document_with_an_element_after_one_of_the_same_counter_is_refused()
    {
        byte[] make = new Change { Actor = TestChanges.Alice, Seq = 1, StartOp = 1, Operations = [new ChangeOp { Key = OpKey.Map("t"), Action = OpAction.MakeText }] }.Encode(out ChangeHash made);
        ChangeOp insert = new() { Object = new OpId(1, TestChanges.Alice), Key = OpKey.Head, Insert = true, Action = OpAction.Set, Value = TestChanges.Text("x") };
        byte[] alice = new Change { Actor = TestChanges.Alice, Seq = 2, StartOp = 2, Deps = [made], Operations = [insert] }.Encode(out _);
        byte[] bob = new Change { Actor = TestChanges.Bob, Seq = 1, StartOp = 2, Deps = [made], Operations = [insert] }.Encode(out _);
        AssertRefused(BuiltDocument.Of([make, alice, bob]).Save(), PutBobAfterAlice, "order");

        static void PutBobAfterAlice(List<DocumentRow> rows)
        {
            (rows[1], rows[2]) = (rows[2], rows[1]);
            rows[2].Element = rows[1].Id;
        }
    }

    // 3.5.0 panics when it loads this.
    [Fact]
    public void Load_document_with_an_actor_without_changes_is_refused()
    {
        foreach (byte[] honest in (byte[][])[new Document(TestChanges.Alice).Save(), Honest(Put(null, "k"))])
        {
            DocumentParts parts = DocumentParts.Parse(honest);
            parts.Actors.Add([0xff]);
            AssertRefused(parts.Write(), "no change");
        }
    }

    // 3.5.0 panics ("assertion failed: change.seq() == 1"), alone or given out by a document.
    [Theory]
    [InlineData("0103c0ffee", false)]
    [InlineData("0100", false)]
    [InlineData("0101ff020107", false)]
    [InlineData("0101", true)]
    [InlineData("01", true)]
    [InlineData("0203c0ffee", true)]
    [InlineData("0180", true)]
    public void Author_named_later_than_in_the_first_change_is_refused(string extra, bool isGood)
    {
        byte[] first = new Change { Actor = TestChanges.Alice, Seq = 1, StartOp = 1, Operations = [Put(null, "k")], ExtraBytes = Convert.FromHexString("0103c0ffee") }.Encode(out ChangeHash hash);
        byte[] second = new Change { Actor = TestChanges.Alice, Seq = 2, StartOp = 2, Deps = [hash], Operations = [Put(null, "l")], ExtraBytes = Convert.FromHexString(extra) }.Encode(out _);
        Document document = new(TestChanges.Bob);
        document.ApplyChanges(first);
        if (isGood) document.ApplyChanges(second);
        else Assert.Contains("author", Assert.Throws<AutomergeFormatException>(() => document.ApplyChanges(second)).Message, StringComparison.Ordinal);
        Assert.Equal(isGood ? 2 : 1, document.ChangeCount);
        if (isGood) return;

        byte[] plain = new Change { Actor = TestChanges.Alice, Seq = 2, StartOp = 2, Deps = [hash], Operations = [Put(null, "l")] }.Encode(out _);
        DocumentParts parts = DocumentParts.Parse(BuiltDocument.Of([first, plain]).Save());
        List<FuzzColumn> columns = parts.ChangeColumns;
        byte length = (byte)((extra.Length / 2 << 4) | 7);
        columns[^2] = columns[^2] with { Bytes = length == 0x57 ? [2, 0x57] : [0x7e, 0x57, length] };
        columns[^1] = columns[^1] with { Bytes = [.. columns[^1].Bytes, .. Convert.FromHexString(extra)] };
        parts.RepairHeads(DocumentLimits.Default);
        AssertRefused(parts.Write(), "author");
    }

    // 3.5.0 takes the change in, and cannot load its own save ("missing ops").
    [Theory]
    [InlineData(1u, 3u)]
    [InlineData(2u, 4u)]
    [InlineData(0u, 2u)]
    public void Empty_change_that_leaves_counters_out_is_refused(uint operationsBefore, uint startOp)
    {
        Document document = new(TestChanges.Alice);
        document.ApplyChanges(Change(TestChanges.Alice, [.. Enumerable.Range(0, (int)operationsBefore).Select(i => Put(null, $"k{i}"))]));
        byte[] saved = document.Save();
        byte[] empty = new Change { Actor = TestChanges.Bob, Seq = 1, StartOp = startOp, Deps = [.. document.Heads] }.Encode(out ChangeHash hash);
        AutomergeFormatException refused = Assert.Throws<AutomergeFormatException>(() => document.ApplyChanges(empty));
        Assert.Contains(nameof(GraphVerdict.EmptyAfterGap), refused.Message, StringComparison.Ordinal);
        Assert.Equal(saved, document.Save());

        document.ApplyChanges(new Change { Actor = TestChanges.Bob, Seq = 1, StartOp = startOp - 1, Deps = [.. document.Heads] }.Encode(out hash));
        Assert.Equal([hash], document.Heads);
    }

    [Fact]
    public void Load_document_with_an_empty_change_that_leaves_counters_out_is_refused()
    {
        Document document = new(TestChanges.Alice);
        document.CommitEmpty();
        DocumentParts parts = DocumentParts.Parse(document.Save());
        int maxOp = parts.ChangeColumns.FindIndex(column => column.Spec == Automerge.Columns.ColumnSpec.MaxOp);
        parts.ChangeColumns[maxOp] = parts.ChangeColumns[maxOp] with { Bytes = [0x7f, 5] };
        parts.RepairHeads(DocumentLimits.Default);
        AssertRefused(parts.Write(), "missing operations");
    }

    [Fact]
    public void Commit_of_nothing_beside_later_changes_leaves_no_counters_out()
    {
        Document document = new(TestChanges.Alice);
        document.CommitEmpty();
        ChangeHash[] heads = [.. document.Heads];
        using (Transaction transaction = document.Begin())
        {
            transaction.Put(ObjectId.Root, "k", 1);
            transaction.Commit();
        }

        using (Transaction isolated = document.BeginAt(heads)) document.Commit(isolated);
        Assert.Equal(2, document.Heads.Count);
        Assert.Equal(document.Heads, Document.Load(document.Save(), TestChanges.Bob).Heads);
        Assert.All(document.History, change => Assert.Equal(1u, change.StartOp));
    }

    private static ChangeOp Put(OpId? target, string key) => new() { Object = target, Key = OpKey.Map(key), Action = OpAction.Set, Value = TestChanges.Text("x") };

    private static byte[] Change(ActorId actor, ChangeOp[] operations) => new Change { Actor = actor, Seq = 1, StartOp = 1, Operations = operations }.Encode(out _);

    private static byte[] Honest(params ChangeOp[] operations) => BuiltDocument.Of([Change(TestChanges.Alice, operations)]).Save();

    private static void AssertRefused(byte[] honest, Action<List<DocumentRow>> alter, string why)
    {
        DocumentParts parts = DocumentParts.Parse(honest);
        List<DocumentRow> rows = DocumentRows.Read(parts.OpColumns);
        alter(rows);
        parts.OpColumns = DocumentRows.Write(rows);
        parts.RepairHeads(DocumentLimits.Default);
        AssertRefused(parts.Write(), why);
    }

    private static void AssertRefused(byte[] document, string why)
    {
        AutomergeFormatException refused = Assert.Throws<AutomergeFormatException>(() => Document.Load(document, TestChanges.Bob));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
    }
}
