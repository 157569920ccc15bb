namespace Automerge.Changes;

/// <summary>What an operation does.</summary>
public enum OpAction : byte
{
    /// <summary>Makes a map.</summary>
    MakeMap = 0,

    /// <summary>Sets a key or element to a scalar.</summary>
    Set = 1,

    /// <summary>Makes a list.</summary>
    MakeList = 2,

    /// <summary>Deletes the operations named as predecessors.</summary>
    Delete = 3,

    /// <summary>Makes a text.</summary>
    MakeText = 4,

    /// <summary>Adds to counters.</summary>
    Increment = 5,

    /// <summary>Makes a table: a map by another name.</summary>
    MakeTable = 6,

    /// <summary>Begins (with a name) or ends (without) a mark in a text.</summary>
    Mark = 7,
}
