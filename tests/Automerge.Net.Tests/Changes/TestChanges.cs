using System.Text;
using Automerge.Changes;

namespace Automerge.Tests.Changes;

/// <summary>Changes made for tests.</summary>
internal static class TestChanges
{
    public static readonly ActorId Alice = ActorId.Parse("aa".PadRight(32, '0'));
    public static readonly ActorId Bob = ActorId.Parse("bb".PadRight(32, '0'));

    public static EncodedValue Text(string value) => new(6, Encoding.UTF8.GetBytes(value));

    public static EncodedValue Integer(sbyte value) => new(4, new[] { (byte)(value & 0x7f) });

    /// <summary>One with every kind of column: text, deletes, marks, counters, another actor.</summary>
    public static Change Rich(int seed = 0)
    {
        OpId text = new(3, Bob);
        List<ChangeOp> ops =
        [
            new() { Key = OpKey.Map("title"), Action = OpAction.Set, Value = Text("héllo" + seed), Predecessors = [new OpId(4, Alice), new OpId(4, Bob)] },
            new() { Key = OpKey.Map("title"), Action = OpAction.Set, Value = default },
            new() { Key = OpKey.Map("list"), Action = OpAction.MakeList },
            new() { Object = new OpId(102, Alice), Key = OpKey.Head, Insert = true, Action = OpAction.Set, Value = Integer(5) },
            new() { Key = OpKey.Map("count"), Action = OpAction.Increment, Value = Integer(-3), Predecessors = [new OpId(9, Bob)] },
        ];
        for (uint i = 0; i < 6; i++)
            ops.Add(new() { Object = text, Key = OpKey.ListElement(i == 0 ? new OpId(20, Bob) : new OpId(104 + i, Alice)), Insert = true, Action = OpAction.Set, Value = Text("x") });
        for (uint i = 0; i < 4; i++)
            ops.Add(new() { Object = text, Key = OpKey.ListElement(new OpId(30 + i, Bob)), Action = OpAction.Delete, Predecessors = [new OpId(30 + i, Bob)] });
        ops.Add(new() { Object = text, Key = OpKey.ListElement(new OpId(20, Bob)), Insert = true, Action = OpAction.Mark, MarkName = "bold", Value = new(2, default), Expand = true });
        ops.Add(new() { Object = text, Key = OpKey.ListElement(new OpId(25, Bob)), Insert = true, Action = OpAction.Mark });
        return new Change
        {
            Deps = [new ChangeHash(Enumerable.Repeat((byte)1, 32).ToArray()), new ChangeHash(Enumerable.Repeat((byte)2, 32).ToArray())],
            Actor = Alice,
            Seq = 7,
            StartOp = 100,
            Time = -5,
            Message = "a message",
            Operations = ops,
            ExtraBytes = new byte[] { 2, 3, 0xc0, 0xff, 0xee },
        };
    }
}
