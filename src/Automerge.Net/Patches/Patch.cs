using Automerge.Values;

namespace Automerge.Patches;

/// <summary>
/// One step from what a document said to what it says. Steps are made one after the other: path and indexes are those of the document after the steps before.
/// </summary>
/// <param name="Object">The object changed.</param>
/// <param name="Path">Where it is.</param>
public abstract record Patch(ObjectId Object, DocumentPath Path);

/// <summary>A value comes to stand at a map key, or replaces a list's element. An object comes empty; the steps that fill it follow.</summary>
/// <param name="Object">The map or list.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Prop">The key or index.</param>
/// <param name="Value">The value.</param>
/// <param name="Conflict">Whether other values stand there too.</param>
public sealed record PutPatch(ObjectId Object, DocumentPath Path, Prop Prop, Value Value, bool Conflict) : Patch(Object, Path);

/// <summary>Elements come into a list, or something that is no character, such as a block marker, into a text. Objects come empty; the steps that fill them follow.</summary>
/// <param name="Object">The list or text.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Index">Of the first.</param>
/// <param name="Values">One or more.</param>
public sealed record InsertPatch(ObjectId Object, DocumentPath Path, int Index, IReadOnlyList<Value> Values) : Patch(Object, Path);

/// <summary>Characters come into a text.</summary>
/// <param name="Object">The text.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Index">Of the first.</param>
/// <param name="Text">One or more.</param>
/// <param name="Marks">What is over them.</param>
public sealed record SplicePatch(ObjectId Object, DocumentPath Path, int Index, string Text, MarkSet Marks) : Patch(Object, Path);

/// <summary>A map key, elements of a list, or characters of a text go.</summary>
/// <param name="Object">The map, list or text.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Prop">The key, or the index of the first.</param>
/// <param name="Length">How many; 1 for a key.</param>
public sealed record DeletePatch(ObjectId Object, DocumentPath Path, Prop Prop, int Length) : Patch(Object, Path);

/// <summary>A counter goes up or down.</summary>
/// <param name="Object">The map or list it is in.</param>
/// <param name="Path">Where that is.</param>
/// <param name="Prop">The key or index.</param>
/// <param name="By">By how much; wraps around as the counter does.</param>
public sealed record IncrementPatch(ObjectId Object, DocumentPath Path, Prop Prop, long By) : Patch(Object, Path);

/// <summary>The value that shows stays, but others come to stand beside it, or those that did are gone.</summary>
/// <param name="Object">The map or list.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Prop">The key or index.</param>
/// <param name="Conflict">Whether other values stand there.</param>
public sealed record ConflictPatch(ObjectId Object, DocumentPath Path, Prop Prop, bool Conflict) : Patch(Object, Path);

/// <summary>Marks change over characters that stay. Those over characters that come are told by <see cref="SplicePatch"/>, and may be told here again.</summary>
/// <param name="Object">The text.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Marks">What comes over which stretch; with the null value: which name goes.</param>
public sealed record MarkPatch(ObjectId Object, DocumentPath Path, IReadOnlyList<Mark> Marks) : Patch(Object, Path);
