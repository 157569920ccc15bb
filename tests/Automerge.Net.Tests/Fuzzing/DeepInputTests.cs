using System.Runtime.CompilerServices;
using Automerge.Changes;
using Automerge.Columns;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Sync;
using Automerge.Tests.Changes;
using Automerge.Values;

namespace Automerge.Tests.Fuzzing;

/// <summary>Input that is well-formed and goes very deep, or very wide: on a stack of 256 KB, where any recursion that follows it would end the process.</summary>
public class DeepInputTests
{
    private const int Depth = 100_000;

    [Fact]
    public void Objects_nested_100_000_deep() => OnSmallStack(() =>
    {
        ChangeOp[] operations = new ChangeOp[Depth];
        for (int i = 0; i < Depth; i++)
        {
            OpId? parent = i == 0 ? null : new OpId((uint)i, TestChanges.Alice);
            operations[i] = (i % 3) switch
            {
                0 => new ChangeOp { Object = parent, Key = i == 0 ? OpKey.Map("m") : OpKey.Head, Insert = i > 0, Action = OpAction.MakeMap },
                1 => new ChangeOp { Object = parent, Key = OpKey.Map("l"), Action = OpAction.MakeList },
                _ => new ChangeOp { Object = parent, Key = OpKey.Head, Insert = true, Action = OpAction.MakeList },
            };
        }

        byte[] change = new Change { Actor = TestChanges.Alice, Seq = 1, StartOp = 1, Operations = operations }.Encode(out ChangeHash hash);
        Document document = new(TestChanges.Bob);
        document.CollectPatches();
        document.ApplyChanges(change);
        Assert.Equal([hash], document.Heads);
        Assert.Equal(DocumentError.TooDeep, Assert.Throws<DocumentException>(() => document.View.ToJson()).Error);
        Assert.NotEmpty(document.TakePatches());
        Assert.NotEmpty(document.Diff([], [hash]));
        Assert.NotEmpty(document.Diff([hash], []));
        Document again = Document.Load(document.Save(), TestChanges.Bob);
        Assert.Equal([hash], again.Heads);
        Assert.Single(again.View.Keys(ObjectId.Root));
        using (Transaction transaction = again.Begin())
        {
            transaction.Delete(ObjectId.Root, "m");
            transaction.Commit();
        }

        Assert.Equal("{}", again.View.ToJson());
        Assert.Equal(1, document.Merge(again));
        Assert.NotEmpty(document.TakePatches());
    });

    [Fact]
    public void Changes_in_a_chain_of_100_000_whichever_comes_first() => OnSmallStack(() =>
    {
        List<byte[]> changes = new(Depth);
        ChangeHash last = default;
        for (uint i = 1; i <= Depth; i++)
        {
            ChangeOp put = new() { Key = OpKey.Map("k"), Action = OpAction.Set, Value = TestChanges.Integer(1), Predecessors = i == 1 ? [] : [new OpId(i - 1, TestChanges.Alice)] };
            changes.Add(new Change { Actor = TestChanges.Alice, Seq = i, StartOp = i, Deps = i == 1 ? [] : [last], Operations = [put] }.Encode(out last));
        }

        byte[] backwards = [.. changes.AsEnumerable().Reverse().SelectMany(change => change)];
        Document document = new(TestChanges.Bob);
        Assert.Equal(Depth, document.ApplyChanges(backwards).Added);
        Assert.Equal([last], document.Heads);
        byte[] saved = document.Save();
        Assert.Equal([last], Document.Load(saved, TestChanges.Bob).Heads);

        // Without the first one all wait, and no more than may.
        Document waiting = new(TestChanges.Bob);
        AppliedChanges applied = waiting.LoadIncremental([.. changes.Skip(1).Reverse().SelectMany(change => change)]);
        Assert.Equal(0, applied.Added);
        Assert.InRange(applied.Waiting, 0, DocumentOptions.Default.QueuedChangesMax);
        Assert.NotNull(applied.Refused);
        Assert.NotEmpty(waiting.MissingDeps());
        Assert.True(waiting.ApplyChanges(changes[0]).Added >= 1);

        // From one to another that has nothing.
        Document other = new(TestChanges.Bob);
        SyncState ours = new(), theirs = new();
        for (int round = 0; round < 10 && !other.Heads.SequenceEqual(document.Heads); round++)
        {
            if (document.GenerateSyncMessage(ours) is { } message) other.ReceiveSyncMessage(theirs, message);
            if (other.GenerateSyncMessage(theirs) is { } answer) document.ReceiveSyncMessage(ours, answer);
        }

        Assert.Equal([last], other.Heads);
    });

    [Fact]
    public void Heads_beyond_the_limit_are_refused() => OnSmallStack(() =>
    {
        int limit = ChangeGraphLimits.Default.HeadsMax;
        List<byte> changes = [];
        for (int i = 0; i < limit + 100; i++)
        {
            ChangeOp put = new() { Key = OpKey.Map("k"), Action = OpAction.Set, Value = TestChanges.Integer(1) };
            changes.AddRange(new Change { Actor = new ActorId([(byte)(i >> 8), (byte)i]), Seq = 1, StartOp = 1, Operations = [put] }.Encode(out _));
        }

        Document document = new(TestChanges.Bob);
        AppliedChanges applied = document.LoadIncremental([.. changes]);
        Assert.Equal(limit, applied.Added);
        Assert.Contains(nameof(GraphVerdict.TooManyHeads), applied.Refused, StringComparison.Ordinal);
        Assert.Equal(limit, document.View.GetAll(ObjectId.Root, "k").Count);
        Assert.Equal(document.Heads, Document.Load(document.Save(), TestChanges.Bob).Heads);
        document.CommitEmpty();
        Assert.Single(document.Heads);
    });

    [Fact]
    public void Marks_that_all_overlap() => OnSmallStack(() =>
    {
        // Each begins at the head of the text and ends at its end: as deep as marks go.
        const int marks = 5_000;
        OpId text = new(1, TestChanges.Alice), character = new(2, TestChanges.Alice);
        List<ChangeOp> operations =
        [
            new() { Key = OpKey.Map("t"), Action = OpAction.MakeText },
            new() { Object = text, Key = OpKey.Head, Insert = true, Action = OpAction.Set, Value = TestChanges.Text("x") },
        ];
        for (int i = 0; i < marks; i++)
        {
            operations.Add(new() { Object = text, Key = OpKey.Head, Insert = true, Action = OpAction.Mark, MarkName = $"mark {i % 100}", Value = TestChanges.Integer((sbyte)(i % 50)) });
            operations.Add(new() { Object = text, Key = OpKey.ListElement(character), Insert = true, Action = OpAction.Mark });
        }

        Document document = new(TestChanges.Bob);
        document.CollectPatches();
        document.ApplyChanges(new Change { Actor = TestChanges.Alice, Seq = 1, StartOp = 1, Operations = operations }.Encode(out _));
        ObjectId id = document.View.Get(ObjectId.Root, "t")!.Value.AsObject();
        Assert.Equal(100, document.View.Marks(id).Count);
        Assert.Single(document.View.Spans(id));
        Assert.NotEmpty(document.TakePatches());
        Assert.Equal(document.Heads, Document.Load(document.Save(), TestChanges.Bob).Heads);
    });

    [Fact]
    public void Bombs_take_no_more_memory_than_limits_say()
    {
        // 16 KB that inflate to 16 MB, as a change and as a column; a column that claims 2^62 rows.
        byte[] zeros = new byte[16 << 20];
        ChangeParts change = ChangeParts.Parse(new Change { Actor = TestChanges.Alice, Seq = 1, StartOp = 1 }.Encode(out _));
        change.Extra = zeros;
        byte[] honest = FuzzCorpus.Documents.First(one => one.Name == "edited 1").Save(1);
        DocumentParts document = DocumentParts.Parse(honest), rows = DocumentParts.Parse(honest);
        document.OpColumns.Add(new FuzzColumn(0x7ffffff7, zeros));
        rows.OpColumns[rows.OpColumns.FindIndex(column => column.Spec == ColumnSpec.IdActor)] = new FuzzColumn(ColumnSpec.IdActor, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0]);
        foreach (byte[] bomb in (byte[][])[change.WriteDeflated(), document.Write(), rows.Write()])
        {
            Assert.InRange(bomb.Length, 1, 40_000);
            TryLoad(bomb);
            long before = GC.GetAllocatedBytesForCurrentThread();
            TryLoad(bomb);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (4 * bomb.Length) + FuzzOracles.DeclaredBytes);
        }

        static void TryLoad(byte[] bomb) => Assert.Throws<AutomergeFormatException>(() => Document.Load(bomb, TestChanges.Bob, FuzzOracles.Options));
    }

    private static void OnSmallStack(Action test, [CallerMemberName] string name = "")
    {
        Exception? failure = null;
        Thread thread = new(Run, 256 * 1024) { Name = name };
        thread.Start();
        Assert.True(thread.Join(TimeSpan.FromMinutes(2)), $"{name} hangs");
        if (failure is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);

        void Run()
        {
            try
            {
                test();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        }
    }
}
