namespace Ratatoskr.Storage.Faster.Journals;

/// <summary>Sees to it, entry by entry, that none is missing: each names the one before, and none is of an earlier life than that.</summary>
/// <param name="folder">For messages.</param>
/// <param name="from">Where the reading began.</param>
/// <param name="known">The newest entry that was surely committed: what is missing up to there is damage; what is missing behind it nobody was told of.</param>
internal sealed class JournalChain(string folder, long from, long known)
{
    private uint _incarnation;

    /// <summary>The newest entry that was surely committed.</summary>
    public long Known => known;

    /// <summary>The entry that was read last; 0: none yet.</summary>
    public long Last { get; private set; }

    public long Count { get; private set; }

    /// <summary>All was read that was surely committed.</summary>
    public bool HasAllKnown => Math.Max(Last, from - 1) >= known;

    /// <summary>Whether none is missing between the last one and this.</summary>
    public bool IsNext(in JournalEntry entry) => Last == 0 ? entry.Previous < from : entry.Previous == Last;

    /// <returns>
    /// false: it does not follow, and need not: the last commit was cut short. It spans pages, and of one that was being written something got to the disk, of the one before it not all.
    /// </returns>
    /// <exception cref="StoreDamagedException">It does not follow.</exception>
    public bool TryFollow(in JournalEntry entry, long address)
    {
        if (entry.Incarnation < _incarnation) throw Damage($"has a stale entry at {address}");
        bool isGap = !IsNext(entry);
        if (isGap && HasAllKnown) return false;
        if (isGap) throw Damage($"lacks entries before {address} (from {from}, last {Last}, previous {entry.Previous}, incarnation {entry.Incarnation}, known {known})");
        _incarnation = entry.Incarnation;
        Last = address;
        Count++;
        return true;
    }

    public StoreDamagedException Damage(string what) => new($"the journal in {folder} {what}: acknowledged changes may be missing");
}
