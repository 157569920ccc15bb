using Ratatoskr.Storage.Faster.Journals;
using Ratatoskr.Storage.Faster.Tables;

namespace Ratatoskr.Storage.Faster.Writing;

/// <summary>Brings the table up to the journal's tail, checking the chain of entries on the way.</summary>
/// <remarks>The writer thread's.</remarks>
internal static class Replay
{
    // Manifests held back before they are written: the cache ages only then.
    private const int ManifestsMax = 4096;

    /// <summary>Applies what the journal holds from an address on. What is damaged costs the document it is of, as long as that can be told.</summary>
    /// <param name="before">The last entry before <paramref name="from"/>, as far as known.</param>
    /// <param name="acceptDamage">Whether damage of which the document cannot be told ends the journal, instead of the opening.</param>
    /// <exception cref="StoreDamagedException">The journal is not what was committed, and damage is not accepted.</exception>
    public static ReplayOutcome Run(Journal journal, TableWriter table, long from, long before, string folder, bool acceptDamage, List<string> damages)
    {
        JournalChain chain = new(folder, from, journal.KnownLastEntry);
        // Not to be accepted: new entries would take addresses the table takes for applied.
        if (from > journal.TailAddress) throw chain.Damage($"ends at {journal.TailAddress}, before the checkpoint's {from}");
        EntryApplier applier = new(table);
        JournalWalk walk = journal.Walk();
        JournalEnd end;
        try
        {
            if (from < journal.BeginAddress) throw chain.Damage($"begins at {journal.BeginAddress}, after the checkpoint's {from}");
            end = ApplySound(journal, table, chain, applier, from, out long position);
            if (end == JournalEnd.Damaged)
            {
                foreach (WalkedEntry found in walk.Read(chain, position, journal.TailAddress))
                {
                    if (found.IsWhole) applier.Apply(found.Entry, found.Address);
                    else applier.Miss(found.Entry, found.Address);
                    if (chain.Count % ManifestsMax == 0) table.WriteManifests();
                }

                if (walk.IsTorn && walk.Damages.Count == 0) end = JournalEnd.Torn;
            }
        }
        catch (StoreDamagedException) when (acceptDamage)
        {
            end = JournalEnd.Lost;
        }

        applier.MarkDamaged();
        damages.AddRange(walk.Damages);
        damages.AddRange(applier.Damages);
        table.WriteManifests();
        // Where FASTER found its end before the damage, the next entry takes the place of one that was read behind it.
        journal.ContinueAfter(Math.Min(Math.Max(chain.Last, before), journal.TailAddress - 1));
        return new ReplayOutcome(chain.Count, end);
    }

    // As far as FASTER can read it; position is behind the last entry that was applied.
    private static JournalEnd ApplySound(Journal journal, TableWriter table, JournalChain chain, EntryApplier applier, long from, out long position)
    {
        position = from;
        bool isApplying = false;
        try
        {
            foreach ((ReadOnlyMemory<byte> bytes, long address, long next) in journal.Read(from, journal.TailAddress))
            {
                if (!JournalEntry.TryRead(bytes.Span, out JournalEntry entry)) return JournalEnd.Damaged;
                if (!chain.TryFollow(entry, address)) return JournalEnd.Torn;
                isApplying = true;
                applier.Apply(entry, address);
                if (chain.Count % ManifestsMax == 0) table.WriteManifests();
                isApplying = false;
                position = next;
            }
        }
        catch (StoreDamagedException) when (!isApplying)
        {
            return JournalEnd.Damaged;
        }

        return chain.HasAllKnown ? JournalEnd.Sound : JournalEnd.Damaged;
    }
}

/// <summary>What a replay has found.</summary>
/// <param name="Count">Entries read.</param>
/// <param name="End">After anything but <see cref="JournalEnd.Sound"/> a checkpoint must be taken before anything is added.</param>
internal readonly record struct ReplayOutcome(long Count, JournalEnd End);

internal enum JournalEnd
{
    /// <summary>All is there.</summary>
    Sound,

    /// <summary>It ends with parts of a commit that nobody was told of.</summary>
    Torn,

    /// <summary>It was damaged, and all that was not was read.</summary>
    Damaged,

    /// <summary>It was damaged, and what follows is lost, as the operator has decided.</summary>
    Lost,
}
