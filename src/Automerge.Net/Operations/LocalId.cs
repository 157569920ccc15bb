namespace Automerge.Operations;

/// <summary>
/// An operation's id within one op set: its counter, and its actor as a slot of the op set's <see cref="ActorTable"/>. Slots are in order of arrival, not of bytes:
/// <see cref="ActorTable.Compare"/> tells Lamport order, numbers do not. <c>default</c> is no id: the root object, the head of a list.
/// </summary>
internal readonly record struct LocalId(ulong Bits)
{
    public LocalId(uint counter, int actor)
        : this(((ulong)counter << 32) | (uint)actor)
    {
    }

    public uint Counter => (uint)(Bits >> 32);

    public int Actor => (int)(uint)Bits;

    public bool IsNone => Bits == 0;

    /// <summary>The same actor's id a number of counters on.</summary>
    public LocalId Plus(int counters) => new(Bits + ((ulong)(long)counters << 32));

    public override string ToString() => $"{Counter}@{Actor}";
}
