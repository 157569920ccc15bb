using System.Text;
using Automerge.Changes;
using Automerge.Columns;
using Automerge.Operations;

namespace Automerge.Tests.Documents;

/// <summary>
/// Histories of several replicas that type, overwrite, delete, count and mark at the same time and take each other's changes now and then. Everything follows from the seed.
/// </summary>
internal sealed class RandomDocument
{
    private static readonly string[] Keys = ["", "a", "b", "key", "keys", "ключ", "\uffff", "\U0001F600"];
    private static readonly string[] Characters = ["a", "b", " ", "\n", "é", "語", "\U0001F600", "two", ""];

    private readonly Random _random;

    private RandomDocument(int seed) => _random = new Random(seed);

    /// <summary>Changes in an order in which they can be taken in.</summary>
    public static List<byte[]> Make(int seed, int count) => new RandomDocument(seed).Run(count);

    private List<byte[]> Run(int count)
    {
        Replica[] replicas = [.. Enumerable.Range(0, 1 + _random.Next(4)).Select(number => new Replica(_random, (byte)number))];
        for (int i = 0; i < count; i++)
        {
            Replica author = replicas[_random.Next(replicas.Length)];
            if (_random.Next(3) == 0) author.TakeFrom(replicas[_random.Next(replicas.Length)]);
            author.Commit(MakeChange(author));
        }

        foreach (Replica other in replicas) replicas[0].TakeFrom(other);
        return replicas[0].Changes;
    }

    private Change MakeChange(Replica author)
    {
        Edits edits = new(author, _random);
        for (int i = _random.Next(5); i > 0; i--) edits.Add();
        return new Change
        {
            Deps = author.Document.Graph.Heads.ToArray(),
            Actor = author.Actor,
            Seq = (uint)author.Made + 1,
            StartOp = edits.Operations.Count == 0 ? author.Document.Graph.MaxOp + 1 : edits.StartOp,
            Time = _random.Next(8) switch { 0 => -1, 1 => _random.NextInt64(1L << 40), _ => 1_700_000_000 + author.Changes.Count },
            Message = _random.Next(4) switch { 0 => "same", 1 => $"message {_random.Next()}", _ => null },
            Operations = edits.Operations,
            ExtraBytes = author.Made == 0 ? new byte[] { 1, 3, 0xC0, 0xFF, 0xEE } : default,
        };
    }

    private sealed class Replica(Random random, byte number)
    {
        public BuiltDocument Document { get; } = new();

        public List<byte[]> Changes { get; } = [];

        public ActorId Actor { get; } = NewActor(random, number);

        public int Made { get; private set; }

        public void Commit(Change change)
        {
            Made++;
            Take(change.Encode(out _));
        }

        public void TakeFrom(Replica other)
        {
            for (int row = 0; row < other.Changes.Count; row++)
            {
                if (!Document.Graph.Contains(other.Document.Graph.HashAt(row))) Take(other.Changes[row]);
            }
        }

        private void Take(byte[] change)
        {
            Document.Apply(change);
            Changes.Add(change);
        }

        // In no particular order, but no two the same.
        private static ActorId NewActor(Random random, byte number)
        {
            byte[] id = new byte[random.Next(2, 17)];
            random.NextBytes(id);
            id[^1] = number;
            return new ActorId(id);
        }
    }

    /// <summary>The operations of one change; none touches a key or element twice, so all of them see the document as it is before.</summary>
    private sealed class Edits(Replica author, Random random)
    {
        private readonly OpSet _ops = author.Document.Ops;
        private readonly HashSet<(LocalId Object, int Name, LocalId Element)> _touched = [];

        public uint StartOp { get; } = author.Document.Graph.MaxOp + 1 + (uint)random.Next(2);

        public List<ChangeOp> Operations { get; } = [];

        private OpId Next => new(StartOp + (uint)Operations.Count, author.Actor);

        public void Add()
        {
            OpObject[] objects = [_ops.Root, .. _ops.Objects.Where(made => made.Made != OpAction.MakeTable).OrderBy(made => made.Id.Bits)];
            OpObject target = objects[random.Next(objects.Length)];
            if (target is MapObject map) EditMap(map);
            else EditSequence((SequenceObject)target);
        }

        private void EditMap(MapObject map)
        {
            string key = Keys[random.Next(Keys.Length)];
            int name = _ops.Names.Find(Encoding.UTF8.GetBytes(key));
            if (!_touched.Add((map.Id, name, new LocalId((uint)key.Length, key.Length == 0 ? 0 : key[0])))) return;
            Register? register = name < 0 ? null : map.Find(name);
            Overwrite(new ChangeOp { Object = ToId(map.Id), Key = OpKey.Map(key) }, register is null ? [] : Visible(register));
        }

        private void EditSequence(SequenceObject sequence)
        {
            List<(LocalId Id, LocalId[] Visible)> elements = Elements(sequence);
            int at = random.Next(elements.Count + 1) - 1;
            OpId? container = ToId(sequence.Id);
            switch (random.Next(6))
            {
                case 0 when at >= 0:
                    DeleteSome(container, elements, at);
                    break;
                case 1 when at >= 0 && !IsMark(sequence, elements[at].Id) && _touched.Add((sequence.Id, -1, elements[at].Id)):
                    Overwrite(new ChangeOp { Object = container, Key = OpKey.ListElement(ToId(elements[at].Id)!.Value) }, elements[at].Visible);
                    break;
                case 2 when sequence.IsText && at >= 0:
                    Mark(container, elements, at);
                    break;
                case 3:
                    Insert(container, KeyAt(elements, at), new ChangeOp { Action = RandomMake() });
                    break;
                default:
                    Type(container, KeyAt(elements, at), sequence.IsText);
                    break;
            }
        }

        private static bool IsMark(SequenceObject sequence, LocalId element) =>
            sequence.TryFind(element, out ElementPlace place) && place.InRun.Register is { } register && register.Ops[0].Action == OpAction.Mark;

        private void Overwrite(ChangeOp op, LocalId[] visible)
        {
            OpId[] predecessors = [.. visible.Select(id => ToId(id)!.Value)];
            int kind = random.Next(8);
            if (kind == 0 && predecessors.Length > 0) Operations.Add(op with { Action = OpAction.Delete, Predecessors = predecessors });
            else if (kind < 3 && predecessors.Length > 0) Operations.Add(op with { Action = OpAction.Increment, Value = Integer(4, random.Next(-5, 100)), Predecessors = predecessors });
            else if (kind == 3) Operations.Add(op with { Action = RandomMake(), Predecessors = predecessors });
            else Operations.Add(op with { Action = OpAction.Set, Value = RandomValue(), Predecessors = predecessors });
        }

        private void DeleteSome(OpId? container, List<(LocalId Id, LocalId[] Visible)> elements, int at)
        {
            int step = random.Next(2) == 0 ? 1 : -1;      // by the delete key, or backwards
            for (int left = random.Next(1, 6); left > 0 && at >= 0 && at < elements.Count; left--, at += step)
            {
                if (elements[at].Visible.Length == 0 || !_touched.Add((default, -1, elements[at].Id))) continue;
                Operations.Add(new ChangeOp
                {
                    Object = container,
                    Key = OpKey.ListElement(ToId(elements[at].Id)!.Value),
                    Action = OpAction.Delete,
                    Predecessors = [.. elements[at].Visible.Select(id => ToId(id)!.Value)],
                });
            }
        }

        private void Mark(OpId? container, List<(LocalId Id, LocalId[] Visible)> elements, int at)
        {
            OpId begin = Insert(container, KeyAt(elements, at), new ChangeOp { Action = OpAction.Mark, MarkName = Keys[random.Next(Keys.Length)], Value = RandomValue(), Expand = random.Next(2) == 0 });
            int end = random.Next(at, elements.Count);
            Insert(container, end == at ? OpKey.ListElement(begin) : KeyAt(elements, end), new ChangeOp { Action = OpAction.Mark, Expand = random.Next(2) == 0 });
        }

        private void Type(OpId? container, OpKey after, bool isText)
        {
            bool mixed = random.Next(2) == 0;
            for (int left = random.Next(1, 12); left > 0; left--)
            {
                EncodedValue value = isText ? Text(mixed ? Characters[random.Next(Characters.Length)] : "x") : RandomValue();
                after = OpKey.ListElement(Insert(container, after, new ChangeOp { Action = OpAction.Set, Value = value }));
            }
        }

        private OpId Insert(OpId? container, OpKey after, ChangeOp op)
        {
            OpId id = Next;
            Operations.Add(op with { Object = container, Key = after, Insert = true });
            return id;
        }

        private OpKey KeyAt(List<(LocalId Id, LocalId[] Visible)> elements, int at) => at < 0 ? OpKey.Head : OpKey.ListElement(ToId(elements[at].Id)!.Value);

        private OpAction RandomMake() => (OpAction)(new[] { 0, 2, 4, 4, 6 }[random.Next(5)]);

        private EncodedValue RandomValue()
        {
            switch (random.Next(12))
            {
                case < 3: return new EncodedValue((byte)random.Next(3), default);
                case 3: return Integer(4, random.Next(-1000, 1000));
                case 4: return new EncodedValue(5, BitConverter.GetBytes(random.NextDouble()));
                case 5: return Text(new string('é', random.Next(200)));
                case 6: return new EncodedValue(7, new byte[random.Next(20)]);
                case 7: return Integer(9, random.NextInt64());
                case 8: return new EncodedValue((byte)random.Next(10, 16), new byte[] { 1, 2, 3 });
                default: return Integer(8, random.Next(10));
            }
        }

        private OpId? ToId(LocalId id) => id.IsNone ? null : new OpId(id.Counter, _ops.Actors[id.Actor]);

        private static EncodedValue Text(string text) => new(6, Encoding.UTF8.GetBytes(text));

        private static EncodedValue Integer(byte type, long number)
        {
            byte[] bytes = new byte[Leb128.SignedLength(number)];
            Leb128.WriteSigned(bytes, number);
            return new EncodedValue(type, bytes);
        }

        private static LocalId[] Visible(Register register)
        {
            List<LocalId> visible = [];
            foreach (ref RegisterOp op in register.Ops)
            {
                if (op.IsVisible) visible.Add(op.Id);
            }

            return [.. visible];
        }

        private static List<(LocalId Id, LocalId[] Visible)> Elements(SequenceObject sequence)
        {
            List<(LocalId, LocalId[])> elements = [];
            for (SequenceLeaf? leaf = sequence.First; leaf is not null; leaf = leaf.Next)
            {
                foreach (ElementRun run in leaf.Runs.AsSpan(0, leaf.Count))
                {
                    for (int i = 0; i < run.Count; i++) elements.Add((run.Id.Plus(i), run.Register is not null ? Visible(run.Register) : run.IsVisible ? [run.Id.Plus(i)] : []));
                }
            }

            return elements;
        }
    }
}
