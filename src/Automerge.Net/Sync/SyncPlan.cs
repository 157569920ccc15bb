using System.Runtime.InteropServices;
using Automerge.Changes;

namespace Automerge.Sync;

/// <summary>What a <see cref="SyncPlan"/> wants.</summary>
public enum SyncPlanKind : byte
{
    /// <summary>There is nothing to send.</summary>
    Nothing,

    /// <summary>An ordinary message.</summary>
    Message,

    /// <summary>
    /// A reset message: the peer names as shared what we do not have, so it must start anew. It may answer with its whole document: limit the rate.
    /// </summary>
    Reset,
}

/// <summary>
/// A message that could be sent to a peer, as a description: bytes are made only when it is written, and once for all peers that get the same.
/// </summary>
/// <remarks>Filled by <see cref="SyncSession.Generate"/>; made to be reused, so that it allocates nothing in the steady state. Not thread-safe.</remarks>
public sealed class SyncPlan
{
    internal readonly List<ChangeHash> NeedList = [];
    internal readonly List<int> RowList = [];
    internal readonly List<int> BloomList = [];
    internal readonly List<int> Range = [];
    internal readonly RowMarks Chosen = new();
    internal HashList HeadList;
    internal HashList LastSyncList;

    /// <summary>What to do.</summary>
    public SyncPlanKind Kind { get; internal set; }

    /// <summary>Form of the message.</summary>
    public SyncVersion Version { get; internal set; }

    /// <summary>Flags of the message.</summary>
    public SyncFlags Flags { get; internal set; }

    /// <summary>The heads it names: ours, or none to an old peer that must offer everything again.</summary>
    public ReadOnlySpan<ChangeHash> Heads => HeadList.Span;

    /// <summary>What it asks for.</summary>
    public ReadOnlySpan<ChangeHash> Need => CollectionsMarshal.AsSpan(NeedList);

    /// <summary>Whether it says what we have: one entry of <see cref="LastSync"/> and a filter over <see cref="BloomRows"/>, else none.</summary>
    public bool HasHave { get; internal set; }

    /// <summary>Heads that count as shared.</summary>
    public ReadOnlySpan<ChangeHash> LastSync => LastSyncList.Span;

    /// <summary>Rows that go into the Bloom filter.</summary>
    public ReadOnlySpan<int> BloomRows => CollectionsMarshal.AsSpan(BloomList);

    /// <summary>Whether the whole document is sent; then <see cref="Rows"/> is empty.</summary>
    public bool SendsDocument { get; internal set; }

    /// <summary>Rows whose changes are sent, in this order. In Server mode ascending.</summary>
    public ReadOnlySpan<int> Rows => CollectionsMarshal.AsSpan(RowList);

    /// <summary>Changes that the peer gets with this message.</summary>
    public int ChangeCount => SendsDocument ? RowCount : RowList.Count;

    // Rows of the graph when the plan was made.
    internal int RowCount { get; set; }

    internal ulong NeedFingerprint { get; set; }

    // After this message the peer has certainly all rows.
    internal bool Certain { get; set; }

    // The mode it was made in; commit does the same.
    internal SyncMode Mode { get; set; }

    /// <summary>Whether both plans, made from the same graph in the same state, are the same bytes.</summary>
    public bool SameMessageAs(SyncPlan other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Kind == other.Kind
            && Version == other.Version
            && Flags == other.Flags
            && SendsDocument == other.SendsDocument
            && HasHave == other.HasHave
            && RowCount == other.RowCount
            && Heads.SequenceEqual(other.Heads)
            && Need.SequenceEqual(other.Need)
            && LastSync.SequenceEqual(other.LastSync)
            && Rows.SequenceEqual(other.Rows)
            && BloomRows.SequenceEqual(other.BloomRows);
    }

    internal void Clear()
    {
        Kind = SyncPlanKind.Nothing;
        Version = SyncVersion.V1;
        Flags = SyncFlags.None;
        HasHave = false;
        SendsDocument = false;
        Certain = false;
        NeedFingerprint = 0;
        HeadList.Clear();
        LastSyncList.Clear();
        NeedList.Clear();
        RowList.Clear();
        BloomList.Clear();
        Range.Clear();
    }
}
