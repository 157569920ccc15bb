namespace Automerge.Values;

/// <summary>What an object of a document is.</summary>
public enum ObjectKind : byte
{
    /// <summary>Values by key.</summary>
    Map,

    /// <summary>Values by index.</summary>
    List,

    /// <summary>Characters, marks over them, and block markers between them.</summary>
    Text,

    /// <summary>A map by another name; nobody makes them any more.</summary>
    Table,
}
