namespace Automerge.Values;

/// <summary>A stretch of a text: characters under the same marks, or a block marker (an object that stands in the text, as a paragraph does).</summary>
/// <param name="Start">Index of the first character or of the block marker.</param>
/// <param name="Text">The characters; null for a block marker.</param>
/// <param name="Block">The block marker's map; the root, which is none, for characters.</param>
/// <param name="Marks">What is over the characters; empty for a block marker.</param>
public readonly record struct Span(int Start, string? Text, ObjectId Block, MarkSet Marks)
{
    /// <summary>Whether this is a block marker.</summary>
    public bool IsBlock => Text is null;
}
