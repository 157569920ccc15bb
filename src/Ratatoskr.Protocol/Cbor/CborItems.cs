namespace Ratatoskr.Protocol.Cbor;

/// <summary>How much of a container that a <see cref="CborCursor"/> has entered is left.</summary>
public struct CborItems
{
    internal const long Indefinite = -1;

    internal CborItems(long left)
    {
        Left = left;
        IsIndefinite = left == Indefinite;
    }

    /// <summary>Pairs of a map or elements of an array; of no meaning when indefinite.</summary>
    internal long Left;

    internal readonly bool IsIndefinite { get; }
}
