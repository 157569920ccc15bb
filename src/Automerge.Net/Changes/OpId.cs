namespace Automerge.Changes;

/// <summary>The identity of an operation. Ordered by counter, then actor: Lamport order, in which causes come first.</summary>
/// <param name="Counter">From 1.</param>
/// <param name="Actor">Who made the operation.</param>
public readonly record struct OpId(uint Counter, ActorId Actor) : IComparable<OpId>
{
    /// <inheritdoc/>
    public int CompareTo(OpId other) => Counter != other.Counter ? Counter.CompareTo(other.Counter) : Actor.CompareTo(other.Actor);

    /// <summary>As Automerge prints operation ids.</summary>
    public override string ToString() => $"{Counter}@{Actor}";
}
