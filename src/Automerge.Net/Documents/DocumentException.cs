using Automerge.Values;

namespace Automerge.Documents;

/// <summary>What went wrong with a call on a document.</summary>
public enum DocumentError : byte
{
    /// <summary>The object does not exist, or not at the heads looked at.</summary>
    NoSuchObject,

    /// <summary>The object exists but is of another kind than the call needs.</summary>
    WrongObjectKind,

    /// <summary>The index is not in the list or text.</summary>
    IndexOutOfRange,

    /// <summary>The cursor's element is not in the text or list.</summary>
    NoSuchElement,

    /// <summary>Objects are nested deeper than the caller allows.</summary>
    TooDeep,

    /// <summary>The value cannot be used for this: an increment of something that is no counter, for example.</summary>
    WrongValue,

    /// <summary>The heads name changes that the document does not have.</summary>
    NoSuchChange,

    /// <summary>The call does not fit what the document is doing, such as a second transaction.</summary>
    WrongState,
}

/// <summary>A call on a document that cannot be carried out; nothing has changed. The message names object, place and cause.</summary>
public sealed class DocumentException : Exception
{
    internal DocumentException(DocumentError error, string message)
        : base(message)
        => Error = error;

    /// <summary>The kind of cause.</summary>
    public DocumentError Error { get; }

    internal static DocumentException NoSuchObject(ObjectId id) => new(DocumentError.NoSuchObject, $"object {id} does not exist here");

    internal static DocumentException WrongKind(ObjectId id, ObjectKind kind, string needed) =>
        new(DocumentError.WrongObjectKind, $"object {id} is a {Name(kind)}, not a {needed}");

    internal static DocumentException IndexOutOfRange(ObjectId id, ObjectKind kind, int index, int length) =>
        new(DocumentError.IndexOutOfRange, $"index {index} is not in {Name(kind)} {id}, whose length is {length}");

    private static string Name(ObjectKind kind) => kind switch
    {
        ObjectKind.Map => "map",
        ObjectKind.List => "list",
        ObjectKind.Text => "text",
        _ => "table",
    };
}
