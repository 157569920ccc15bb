using Automerge.Changes;
using FsCheck;
using FsCheck.Fluent;

namespace Automerge.Tests.Changes;

/// <summary>Random changes of all kinds of operations survive encoding, verification and decoding.</summary>
public class ChangePropertyTests
{
    private static readonly ActorId[] Actors = [TestChanges.Alice, TestChanges.Bob, ActorId.Parse("0102"), ActorId.Parse("")];

    private static readonly Gen<OpId> Id =
        from counter in Gen.Frequency((3, Gen.Choose(1, 5)), (1, Gen.Choose(1, 900)))
        from actor in Gen.Elements(Actors)
        select new OpId((uint)counter, actor);

    private static readonly Gen<EncodedValue> Value = Gen.OneOf(
        Gen.Elements<byte>(0, 1, 2).Select(type => new EncodedValue(type, default)),
        Gen.Choose(-60, 60).SelectMany(value => Gen.Elements<byte>(4, 8, 9).Select(type => new EncodedValue(type, TestChanges.Integer((sbyte)value).Bytes))),
        Gen.Choose(0, 127).Select(value => new EncodedValue(3, new[] { (byte)value })),
        ArbMap.Default.GeneratorFor<double>().Select(value => new EncodedValue(5, BitConverter.GetBytes(value))),
        Gen.Elements("", "a", "b", "é", "😀", "longer text").Select(TestChanges.Text),
        ArbMap.Default.GeneratorFor<byte[]>().SelectMany(bytes => Gen.Elements<byte>(7, 10, 15).Select(type => new EncodedValue(type, bytes))));

    private static readonly Gen<IReadOnlyList<OpId>> Predecessors =
        Gen.Frequency((2, Gen.Constant(0)), (3, Gen.Constant(1)), (1, Gen.Choose(2, 4)))
            .SelectMany(count => Id.ArrayOf(count))
            .Select(ids => (IReadOnlyList<OpId>)[.. ids.Distinct().Order()]);

    private static readonly Gen<OpKey> MapKey = Gen.Elements("", "a", "key", "ключ", "😀").Select(OpKey.Map);

    private static readonly Gen<OpKey> Element = Id.Select(OpKey.ListElement);

    private static readonly Gen<ChangeOp> Operation =
        from target in Gen.Frequency((1, Gen.Constant<OpId?>(null)), (2, Id.Select(id => (OpId?)id)))
        from kind in Gen.Choose(0, 7)
        from key in Gen.OneOf(MapKey, Element)
        from at in Gen.Frequency((1, Gen.Constant(OpKey.Head)), (4, Element))
        from value in Value
        from predecessors in Predecessors
        from some in Id.Select(id => (IReadOnlyList<OpId>)[id])
        from insert in ArbMap.Default.GeneratorFor<bool>()
        from expand in ArbMap.Default.GeneratorFor<bool>()
        from name in Gen.Elements<string?>(null, "bold", "link")
        from amount in Gen.Choose(-60, 60)
        select (OpAction)kind switch
        {
            OpAction.Set => insert
                ? new ChangeOp { Object = target, Key = at, Insert = true, Action = OpAction.Set, Value = value }
                : new ChangeOp { Object = target, Key = key, Action = OpAction.Set, Value = value, Predecessors = predecessors },
            OpAction.Delete => new ChangeOp { Object = target, Key = key, Action = OpAction.Delete, Predecessors = predecessors.Count > 0 ? predecessors : some },
            OpAction.Increment => new ChangeOp
            {
                Object = target,
                Key = key,
                Action = OpAction.Increment,
                Value = TestChanges.Integer((sbyte)amount),
                Predecessors = predecessors.Count > 0 ? predecessors : some,
            },
            OpAction.Mark => new ChangeOp { Object = target, Key = at, Insert = true, Action = OpAction.Mark, MarkName = name, Value = name is null ? default : value, Expand = expand },
            OpAction make => insert
                ? new ChangeOp { Object = target, Key = at, Insert = true, Action = make }
                : new ChangeOp { Object = target, Key = key, Action = make, Predecessors = predecessors },
        };

    private static readonly Gen<Change> AnyChange =
        from operations in Operation.ArrayOf()
        from repeats in Gen.Choose(1, 3)
        from time in ArbMap.Default.GeneratorFor<long>()
        from seq in Gen.Choose(1, int.MaxValue)
        from message in Gen.Elements<string?>(null, "m", "öäü")
        from extra in ArbMap.Default.GeneratorFor<byte[]>()
        where !ChangeHeader.NamesAuthor(extra)                                // only an actor's first change may
        from author in Gen.Elements(Actors)
        from deps in ArbMap.Default.GeneratorFor<Guid[]>()
        select new Change
        {
            Actor = author,
            Seq = (uint)seq,
            StartOp = 1000,
            Time = time,
            Message = message,
            Operations = [.. operations.SelectMany(operation => Enumerable.Repeat(operation, repeats))],
            ExtraBytes = extra,
            Deps = [.. deps.Distinct().Select(dep => new ChangeHash([.. dep.ToByteArray(), .. dep.ToByteArray()])).Order()],
        };

    [Fact]
    public void Encode_random_change_is_verified_and_decodes_to_the_same()
    {
        Prop.ForAll(AnyChange.ToArbitrary(), change =>
        {
            byte[] bytes = change.Encode(out ChangeHash hash);
            ChangeVerdict verdict = ChangeVerifier.Verify(bytes, ChangeLimits.Default, out ChangeHeader header);
            Assert.True(verdict.IsOk, verdict.ToString());
            Assert.Equal(hash, header.Hash);
            Assert.Equal((uint)change.Operations.Count, header.OpCount);

            Change decoded = Change.Decode(bytes);
            Assert.Equal(bytes, decoded.Encode(out _));
            Assert.Equal((change.Actor, change.Seq, change.StartOp, change.Time, change.Message), (decoded.Actor, decoded.Seq, decoded.StartOp, decoded.Time, decoded.Message));
            Assert.Equal(change.Deps, decoded.Deps);
            for (int i = 0; i < change.Operations.Count; i++)
            {
                ChangeOp expected = change.Operations[i], actual = decoded.Operations[i];
                Assert.Equal(expected.Predecessors, actual.Predecessors);
                Assert.Equal(expected with { Predecessors = [] }, actual with { Predecessors = [] });
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }
}
