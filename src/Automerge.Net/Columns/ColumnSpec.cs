namespace Automerge.Columns;

/// <summary>
/// Column specifications: <c>id &lt;&lt; 4 | deflate &lt;&lt; 3 | type</c>. Types: 0 group, 1 actor, 2 integer, 3 delta, 4 boolean,
/// 5 string, 6 value metadata, 7 value bytes.
/// </summary>
internal static class ColumnSpec
{
    public const uint DeflateBit = 0x08;

    // Operations, in changes and documents.
    public const uint ObjectActor = 0x01;
    public const uint ObjectCounter = 0x02;
    public const uint KeyActor = 0x11;
    public const uint KeyCounter = 0x13;
    public const uint KeyString = 0x15;
    public const uint IdActor = 0x21;                // documents only
    public const uint IdCounter = 0x23;              // documents only
    public const uint Insert = 0x34;
    public const uint Action = 0x42;
    public const uint ValueMetadata = 0x56;
    public const uint ValueBytes = 0x57;
    public const uint PredecessorCount = 0x70;       // changes only
    public const uint PredecessorActor = 0x71;
    public const uint PredecessorCounter = 0x73;
    public const uint SuccessorCount = 0x80;         // documents only
    public const uint SuccessorActor = 0x81;
    public const uint SuccessorCounter = 0x83;
    public const uint Expand = 0x94;
    public const uint MarkName = 0xa5;

    // Changes, in documents.
    public const uint Actor = 0x01;
    public const uint Sequence = 0x03;
    public const uint MaxOp = 0x13;
    public const uint Time = 0x23;
    public const uint Message = 0x35;
    public const uint DependencyCount = 0x40;
    public const uint DependencyRow = 0x43;
    public const uint ExtraMetadata = 0x56;
    public const uint ExtraBytes = 0x57;
}
