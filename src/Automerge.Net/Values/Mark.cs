namespace Automerge.Values;

/// <summary>A value over a stretch of a text.</summary>
/// <param name="Start">Index of the first character.</param>
/// <param name="End">Index behind the last one.</param>
/// <param name="Name">Such as <c>bold</c>.</param>
/// <param name="Value">Never null where marks are read: a null mark takes marks away.</param>
public readonly record struct Mark(int Start, int End, string Name, Value Value);

/// <summary>At which of its ends a mark takes in what is inserted there.</summary>
public enum MarkExpand : byte
{
    /// <summary>At none: as a link.</summary>
    None,

    /// <summary>At its start.</summary>
    Before,

    /// <summary>At its end: as bold.</summary>
    After,

    /// <summary>At both.</summary>
    Both,
}
