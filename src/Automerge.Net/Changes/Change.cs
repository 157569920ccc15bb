using System.Text;
using Automerge.Columns;
using Automerge.Format;

namespace Automerge.Changes;

/// <summary>A change as objects: for tests, tools and building; the server's paths use <see cref="ChangeHeader"/>.</summary>
/// <remarks>Immutable.</remarks>
public sealed class Change
{
    /// <summary>The changes this one follows, in the order they are written; writers sort them.</summary>
    public IReadOnlyList<ChangeHash> Deps { get; init; } = [];

    /// <summary>The author.</summary>
    public ActorId Actor { get; init; }

    /// <summary>Which change of its author this is, from 1.</summary>
    public uint Seq { get; init; }

    /// <summary>Counter of the first operation, from 1.</summary>
    public uint StartOp { get; init; }

    /// <summary>Seconds since 1970, by convention.</summary>
    public long Time { get; init; }

    /// <summary>The commit message; null or empty for none.</summary>
    public string? Message { get; init; }

    /// <summary>The operations; the k-th has the counter <see cref="StartOp"/> + k.</summary>
    public IReadOnlyList<ChangeOp> Operations { get; init; } = [];

    /// <summary>Bytes behind the columns.</summary>
    public ReadOnlyMemory<byte> ExtraBytes { get; init; }

    /// <summary>Decodes a change chunk after verifying it.</summary>
    /// <exception cref="AutomergeFormatException">The change would not be accepted.</exception>
    public static Change Decode(ReadOnlySpan<byte> changeChunk, ChangeLimits? limits = null)
    {
        limits ??= ChangeLimits.Default;
        ChangeVerdict verdict = ChangeVerifier.Verify(changeChunk, limits, out ChangeHeader header);
        if (!verdict.IsOk) throw new AutomergeFormatException(verdict.ToString());
        return new Change
        {
            Deps = header.Deps.ToArray(),
            Actor = new ActorId(header.Actor),
            Seq = header.Seq,
            StartOp = header.StartOp,
            Time = header.Time,
            Message = header.Message.IsEmpty ? null : Encoding.UTF8.GetString(header.Message),
            Operations = DecodeOperations(header, header.Columns),
            ExtraBytes = header.ExtraBytes.ToArray(),
        };
    }

    /// <summary>Encodes the change in its canonical form.</summary>
    /// <returns>A type-1 chunk.</returns>
    public byte[] Encode(out ChangeHash hash)
    {
        ObjectChangeOps ops = new(Actor, Operations);
        using PooledBuffer others = new();
        foreach (ActorId other in ops.OtherActors) others.WritePrefixed(other.Bytes);
        using ChangeEncoder encoder = new();
        ChangeFields fields = new()
        {
            Deps = Deps.ToArray(),
            Actor = Actor.Bytes,
            Seq = Seq,
            StartOp = StartOp,
            Time = Time,
            Message = Encoding.UTF8.GetBytes(Message ?? ""),
            OtherActorCount = ops.OtherActors.Count,
            OtherActors = others.Written,
            ExtraBytes = ExtraBytes.Span,
        };
        return encoder.Encode(fields, ops, out hash).ToArray();
    }

    // The change was verified: no column ends early, no index is out of range.
    private static ChangeOp[] DecodeOperations(in ChangeHeader header, in ChangeColumns columns)
    {
        ActorId[] actors = ReadActors(header);
        long count = header.OpCount;
        IntegerColumnReader objectActors = new(columns.ObjectActor, signed: false, count), objectCounters = new(columns.ObjectCounter, signed: false, count);
        IntegerColumnReader keyActors = new(columns.KeyActor, signed: false, count);
        DeltaColumnReader keyCounters = new(columns.KeyCounter, count);
        StringColumnReader keyStrings = new(columns.KeyString, count), markNames = new(columns.MarkName, count);
        BooleanColumnReader inserts = new(columns.Insert, count), expands = new(columns.Expand, count);
        IntegerColumnReader actions = new(columns.Action, signed: false, count), metadata = new(columns.ValueMetadata, signed: false, count);
        IntegerColumnReader predecessorCounts = new(columns.PredecessorCount, signed: false, count);
        IntegerColumnReader predecessorActors = new(columns.PredecessorActor, signed: false, 0);
        DeltaColumnReader predecessorCounters = new(columns.PredecessorCounter, 0);
        ReadOnlySpan<byte> values = columns.ValueBytes;

        ChangeOp[] ops = new ChangeOp[count];
        for (int i = 0; i < ops.Length; i++)
        {
            OpId? target = ReadId(actors, ref objectActors, ref objectCounters);
            keyActors.TryNext(out long keyActor);
            keyCounters.TryNext(out long keyCounter);
            string? keyString = ReadString(ref keyStrings);
            inserts.TryNext(out bool insert);
            actions.TryNext(out long action);
            metadata.TryNext(out long meta);
            expands.TryNext(out bool expand);
            predecessorCounts.TryNext(out long predecessorCount);
            OpId[] predecessors = new OpId[predecessorCount];
            for (int j = 0; j < predecessors.Length; j++)
            {
                predecessorActors.TryNext(out long actor);
                predecessorCounters.TryNext(out long counter);
                predecessors[j] = new OpId((uint)counter, actors[actor]);
            }

            ops[i] = new ChangeOp
            {
                Object = target,
                Key = keyString is not null ? OpKey.Map(keyString) : keyCounter == 0 ? OpKey.Head : OpKey.ListElement(new OpId((uint)keyCounter, actors[keyActor])),
                Insert = insert,
                Action = (OpAction)action,
                Value = new EncodedValue((byte)(meta & 15), values[..(int)(meta >> 4)].ToArray()),
                Predecessors = predecessors,
                Expand = expand,
                MarkName = ReadString(ref markNames),
            };
            values = values[(int)(meta >> 4)..];
        }

        return ops;
    }

    private static OpId? ReadId(ActorId[] actors, ref IntegerColumnReader actorColumn, ref IntegerColumnReader counterColumn)
    {
        actorColumn.TryNext(out long actor);
        counterColumn.TryNext(out long counter);
        return actor == IntegerColumnReader.Null ? null : new OpId((uint)counter, actors[actor]);
    }

    private static string? ReadString(ref StringColumnReader column)
    {
        column.Prepare();
        column.Take(1);
        return column.IsNull ? null : Encoding.UTF8.GetString(column.Value);
    }

    private static ActorId[] ReadActors(in ChangeHeader header)
    {
        ActorId[] actors = new ActorId[header.ActorCount];
        actors[0] = new ActorId(header.Actor);
        ReadOnlySpan<byte> rest = header.OtherActors;
        for (int i = 1; i < actors.Length; i++)
        {
            ChangeHeader.TryReadPrefixed(ref rest, out ReadOnlySpan<byte> other);
            actors[i] = new ActorId(other);
        }

        return actors;
    }
}
