using Ratatoskr.Storage.Faster.Journals;
using Ratatoskr.Storage.Faster.Tables;

namespace Ratatoskr.Storage.Faster.Writing;

/// <summary>Brings the table up to the journal's tail, checking the chain of entries on the way.</summary>
/// <remarks>The writer thread's.</remarks>
internal static class Replay
{
    // Manifests held back before they are written: the cache ages only then.
    private const int ManifestsMax = 4096;

    /// <summary>Applies what the journal holds from an address on.</summary>
    /// <param name="before">The last entry before <paramref name="from"/>, as far as known.</param>
    /// <returns>
    /// Entries read; whether the journal was damaged (only with <paramref name="acceptDamage"/>); whether it ends with parts of a commit that nobody was told of.
    /// After either a checkpoint must be taken before anything is added.
    /// </returns>
    /// <exception cref="StoreDamagedException">The journal is not what was committed, and damage is not accepted.</exception>
    public static (long Count, bool Damaged, bool Torn) Run(Journal journal, TableWriter table, long from, long before, string folder, bool acceptDamage, List<string> damages)
    {
        long count = 0;
        long last = 0;
        bool damaged = false;
        bool isTorn = false;
        // Not to be accepted: new entries would take addresses the table takes for applied.
        if (from > journal.TailAddress) throw Damage($"ends at {journal.TailAddress}, before the checkpoint's {from}");
        EntryApplier applier = new(table);
        try
        {
            if (from < journal.BeginAddress) throw Damage($"begins at {journal.BeginAddress}, after the checkpoint's {from}");
            uint incarnation = 0;
            foreach ((ReadOnlyMemory<byte> bytes, long address, _) in journal.Read(from, journal.TailAddress))
            {
                if (!JournalEntry.TryRead(bytes.Span, out JournalEntry entry)) throw Damage($"has a damaged entry at {address}");
                if (entry.Incarnation < incarnation) throw Damage($"has a stale entry at {address}");
                incarnation = entry.Incarnation;
                bool isGap = last == 0 ? entry.Previous >= from : entry.Previous != last;
                if (isGap && Math.Max(last, from - 1) >= journal.KnownLastEntry)
                {
                    // The last commit was cut short: it spans pages, and of one that was being written something got to the disk, of the one before it not all.
                    isTorn = true;
                    break;
                }

                if (isGap) throw Damage($"lacks entries before {address} (from {from}, last {last}, previous {entry.Previous}, incarnation {entry.Incarnation}, known {journal.KnownLastEntry})");
                last = address;
                count++;
                applier.Apply(entry, address);
                if (count % ManifestsMax == 0) table.WriteManifests();
            }

            if (Math.Max(last, from - 1) < journal.KnownLastEntry) throw Damage($"ends at {last}, before the committed entry at {journal.KnownLastEntry}");
        }
        catch (StoreDamagedException) when (acceptDamage)
        {
            damaged = true;
        }

        damages.AddRange(applier.Damages);
        table.WriteManifests();
        journal.ContinueAfter(Math.Max(last, before));
        return (count, damaged, isTorn);

        StoreDamagedException Damage(string what) => new($"the journal in {folder} {what}: acknowledged changes may be missing");
    }
}
