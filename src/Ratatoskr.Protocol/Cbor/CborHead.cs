namespace Ratatoskr.Protocol.Cbor;

/// <summary>The major types of RFC 8949 §3.1.</summary>
public enum CborType : byte
{
    Unsigned = 0,
    Negative = 1,
    Bytes = 2,
    Text = 3,
    Array = 4,
    Map = 5,
    Tag = 6,

    /// <summary>false, true, null, undefined, floats and the "break" of indefinite lengths.</summary>
    Simple = 7,
}

/// <summary>The head of one data item: <c>ttt iiiii</c> and 0, 1, 2, 4 or 8 bytes of argument.</summary>
/// <param name="Type">ttt</param>
/// <param name="Info">iiiii: the argument itself below 24, 24–27 its width, 31 indefinite length or break. Never 28–30.</param>
/// <param name="Argument">Number, length, count, tag or the bits of a float.</param>
public readonly record struct CborHead(CborType Type, byte Info, ulong Argument)
{
    internal const byte False = 20;
    internal const byte True = 21;
    internal const byte Null = 22;
    internal const byte Undefined = 23;
    internal const byte OneByte = 24;
    internal const byte Half = 25;
    internal const byte Single = 26;
    internal const byte Double = 27;
    internal const byte Indefinite = 31;

    public bool IsIndefinite => Info == Indefinite;

    public bool IsBreak => Info == Indefinite && Type == CborType.Simple;
}
