using System.Buffers;
using Automerge.Changes;

namespace Automerge.Sync;

/// <summary>
/// What one side remembers of the other about one document. Only the shared heads outlive a connection.
/// </summary>
/// <remarks>
/// Not thread-safe: it belongs to the owner of the document. About 200 bytes when in step with the peer, plus 32 for each head beyond the first in each list;
/// a peer's Bloom filter is kept only until it has been answered.
/// </remarks>
public sealed class SyncState
{
    // First byte of the persisted form; the same as a V2 message's, but another thing.
    private const byte PersistedType = 0x43;

    // More shared heads than a document may have say nothing useful; a hostile peer could otherwise make the list grow with every message.
    internal const int SharedHeadsMax = 4096;

    internal HashList Shared;
    internal HashList LastSent;
    internal HashList TheirHeads;
    internal HashList TheirNeed;
    internal RowRanges Sent;

    // Rows below need not be looked at again: sent, or believed to be with the peer (Server mode).
    internal int Assumed;

    // Fingerprint of what we asked for last: the same question is not asked twice (Server mode).
    internal ulong LastNeed;

    private byte[] _theirHave = [];
    private int _theirHaveLength;
    private short _theirHaveCount = -1;
    private Marks _marks;

    /// <summary>The state towards a peer of which nothing is known.</summary>
    public SyncState()
    {
        AssumedCertain = true;
    }

    [Flags]
    private enum Marks : ushort
    {
        TheirHeads = 1 << 0,
        TheirNeed = 1 << 1,
        AllTheirHeadsKnown = 1 << 2,
        InFlight = 1 << 3,
        HaveResponded = 1 << 4,
        TheyKnowV2 = 1 << 5,
        TheyKnowReset = 1 << 6,
        ReadOnly = 1 << 7,
        PeerReadOnly = 1 << 8,
        NeedsReset = 1 << 9,
        ResetAnswered = 1 << 10,
        MustAnswer = 1 << 11,
        AssumedCertain = 1 << 12,
        TheyLackOurHeads = 1 << 13,
        SawEmptyHeads = 1 << 14,
    }

    /// <summary>
    /// Whether the peer's changes are ignored: it is told so (flag READ_ONLY) and asked for nothing. Lifting it makes the next message ask the peer
    /// to offer again what it believes it has sent (SYNC_RESET).
    /// </summary>
    public bool ReadOnly
    {
        get => Has(Marks.ReadOnly);
        set
        {
            if (value == ReadOnly) return;
            Set(Marks.ReadOnly, value);
            NeedsReset = !value && HasTheirHeads;       // nothing to offer again for one that has not spoken
            MustAnswer = true;
            LastNeed = 0;
        }
    }

    /// <summary>Whether the peer said that it applies no changes.</summary>
    public bool PeerReadOnly
    {
        get => Has(Marks.PeerReadOnly);
        internal set => Set(Marks.PeerReadOnly, value);
    }

    /// <summary>Whether a message is out and none has come back since.</summary>
    public bool InFlight
    {
        get => Has(Marks.InFlight);
        internal set => Set(Marks.InFlight, value);
    }

    /// <summary>Whether the peer has shown that it reads V2 messages.</summary>
    public bool TheyKnowV2
    {
        get => Has(Marks.TheyKnowV2);
        internal set => Set(Marks.TheyKnowV2, value);
    }

    /// <summary>Whether a message has come from the peer, so that its heads are known.</summary>
    public bool HasTheirHeads
    {
        get => Has(Marks.TheirHeads);
        internal set => Set(Marks.TheirHeads, value);
    }

    /// <summary>Heads that both sides have, as far as we know. Valid until the state changes.</summary>
    public ReadOnlySpan<ChangeHash> SharedHeads => Shared.Span;

    /// <summary>The heads in our last message.</summary>
    public ReadOnlySpan<ChangeHash> LastSentHeads => LastSent.Span;

    /// <summary>The heads in the peer's last message.</summary>
    public ReadOnlySpan<ChangeHash> PeerHeads => TheirHeads.Span;

    /// <summary>Bytes this object holds, arrays included.</summary>
    public int MemoryBytes =>
        128 + Shared.MemoryBytes + LastSent.MemoryBytes + TheirHeads.MemoryBytes + TheirNeed.MemoryBytes + Sent.MemoryBytes
        + (_theirHave.Length == 0 ? 0 : 24 + _theirHave.Length);

    internal bool HasTheirNeed
    {
        get => Has(Marks.TheirNeed);
        set => Set(Marks.TheirNeed, value);
    }

    // Rows are never removed, so this stays true until the next message.
    internal bool AllTheirHeadsKnown
    {
        get => Has(Marks.AllTheirHeadsKnown);
        set => Set(Marks.AllTheirHeadsKnown, value);
    }

    internal bool HaveResponded
    {
        get => Has(Marks.HaveResponded);
        set => Set(Marks.HaveResponded, value);
    }

    internal bool TheyKnowReset
    {
        get => Has(Marks.TheyKnowReset);
        set => Set(Marks.TheyKnowReset, value);
    }

    internal bool NeedsReset
    {
        get => Has(Marks.NeedsReset);
        set => Set(Marks.NeedsReset, value);
    }

    // One reset message for one message of the peer (Server mode).
    internal bool ResetAnswered
    {
        get => Has(Marks.ResetAnswered);
        set => Set(Marks.ResetAnswered, value);
    }

    internal bool MustAnswer
    {
        get => Has(Marks.MustAnswer);
        set => Set(Marks.MustAnswer, value);
    }

    // false: some row below Assumed was only in the peer's Bloom filter, which may err.
    internal bool AssumedCertain
    {
        get => Has(Marks.AssumedCertain);
        set => Set(Marks.AssumedCertain, value);
    }

    // The peer answered our heads as lastSync with a reset: do not name them again until it has them.
    internal bool TheyLackOurHeads
    {
        get => Has(Marks.TheyLackOurHeads);
        set => Set(Marks.TheyLackOurHeads, value);
    }

    // An empty peer that has been sent everything may still say "empty" once: the messages crossed.
    internal bool SawEmptyHeads
    {
        get => Has(Marks.SawEmptyHeads);
        set => Set(Marks.SawEmptyHeads, value);
    }

    internal bool HasTheirHave => _theirHaveCount >= 0;

    internal int TheirHaveCount => _theirHaveCount;

    internal SyncMessageReader.HaveEnumerator TheirHave => new(_theirHave.AsSpan(0, _theirHaveLength), Math.Max(0, (int)_theirHaveCount));

    /// <summary>Reads a persisted state.</summary>
    /// <returns>false: damaged.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> encoded, out SyncState? state)
    {
        state = null;
        if (encoded.IsEmpty || encoded[0] != PersistedType) return false;
        encoded = encoded[1..];
        if (!SyncMessageReader.TryReadHashes(ref encoded, out ReadOnlySpan<ChangeHash> shared) || !encoded.IsEmpty) return false;
        state = new SyncState();
        state.Shared.Set(shared);
        state._theirHaveCount = 0;
        return true;
    }

    /// <summary>Writes what is worth keeping: <c>43 ‖ shared heads</c>.</summary>
    public void Encode(IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        output.GetSpan(1)[0] = PersistedType;
        output.Advance(1);
        new SyncMessageWriter(output).WriteHashes(Shared.Span);
    }

    /// <summary>Forgets everything but the shared heads and whether we are read-only: a new connection to the same peer begins.</summary>
    public void Reconnect()
    {
        bool readOnly = ReadOnly;
        LastSent.Clear();
        TheirHeads.Clear();
        TheirNeed.Clear();
        ForgetTheirHave();
        ForgetSent();
        _theirHaveCount = 0;
        LastNeed = 0;
        _marks = Marks.AssumedCertain | (readOnly ? Marks.ReadOnly : 0);
    }

    /// <summary>
    /// Forgets which rows have been sent: the graph has been replaced by one with other row numbers, or the peer asks for a fresh start.
    /// What the peer has not acknowledged is sent again.
    /// </summary>
    public void ForgetSent()
    {
        Sent.Clear();
        Assumed = 0;
        AssumedCertain = true;
        SawEmptyHeads = false;
        AllTheirHeadsKnown = false;
    }

    /// <summary>
    /// What the peer sent has been lost on our side, so what it believes we have is wrong. The next message asks it to offer again
    /// what it believes it has sent, and what we have sent is not counted on either.
    /// </summary>
    /// <param name="lostChanges">Messages with changes are known to have been lost, also if none was ever taken.</param>
    public void AskAgain(bool lostChanges = false)
    {
        ForgetSent();
        LastNeed = 0;
        if (!HasTheirHeads && !lostChanges) return;  // it has said nothing that could have been lost
        NeedsReset = true;
        MustAnswer = true;
    }

    internal void KeepTheirHave(in SyncMessageReader message)
    {
        ReadOnlySpan<byte> have = message.EncodedHave;
        if (_theirHave.Length < have.Length || _theirHave.Length > 256 + (4 * have.Length)) _theirHave = new byte[have.Length];
        have.CopyTo(_theirHave);
        _theirHaveLength = have.Length;
        _theirHaveCount = (short)message.HaveCount;
    }

    // It has been answered, or says nothing that their heads do not say.
    internal void ForgetTheirHave()
    {
        _theirHave = [];
        _theirHaveLength = 0;
        _theirHaveCount = 0;
    }

    private bool Has(Marks mark) => (_marks & mark) != 0;

    private void Set(Marks mark, bool value) => _marks = value ? _marks | mark : _marks & ~mark;
}
