namespace Automerge.Documents;

/// <summary>What an index in a text counts. Block markers, and other elements that are no characters, count one in either.</summary>
public enum TextUnit : byte
{
    /// <summary>UTF-16 units, as .NET strings and JavaScript do.</summary>
    Utf16,

    /// <summary>Unicode scalar values.</summary>
    Scalar,
}
