namespace Automerge.Documents;

/// <summary>How JSON tells types that JSON lacks.</summary>
public enum JsonTypes : byte
{
    /// <summary>
    /// It does not, as people like it: counters are numbers, timestamps ISO 8601 strings, bytes base64 strings, and there is no telling a text from a string.
    /// </summary>
    Plain,

    /// <summary>
    /// By objects of one key: <c>{"$int":"7"}</c> for unsigned numbers and for signed ones that JavaScript would round, <c>{"$counter":1}</c>,
    /// <c>{"$timestamp":0}</c> (milliseconds since 1970), <c>{"$bytes":"00ff"}</c>, <c>{"$str":"…"}</c> for a string that is no text, <c>{"$number":"NaN"}</c>, <c>{"$unknown":{"type":10,"bytes":"00"}}</c>.
    /// Small signed and whole floating-point numbers are not told apart.
    /// </summary>
    Tagged,
}

/// <summary>How a document is written as JSON.</summary>
public sealed record JsonStyle
{
    /// <summary>Objects within objects, the outermost counted: more are refused. 1,000, as System.Text.Json has it.</summary>
    public const int DefaultDepthMax = 1000;

    /// <summary>Plain, and at most <see cref="DefaultDepthMax"/> deep.</summary>
    public static JsonStyle Default { get; } = new();

    /// <summary>How types are told that JSON lacks.</summary>
    public JsonTypes Types { get; init; }

    /// <summary>Objects within objects, the outermost counted: more are refused. The writer has a limit of its own.</summary>
    public int DepthMax { get; init; } = DefaultDepthMax;

    /// <summary>Lines and indentation instead of one line; where <see cref="DocumentView"/> makes the writer.</summary>
    public bool Indented { get; init; }
}
