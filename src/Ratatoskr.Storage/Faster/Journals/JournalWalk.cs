using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.InteropServices;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Faster.Journals;

/// <summary>An entry found by a <see cref="JournalWalk"/>.</summary>
/// <param name="Bytes">All of it, header and id as they were written.</param>
/// <param name="Address">Where it lies.</param>
/// <param name="IsWhole">false: its heads or its body are not what was written.</param>
internal sealed record WalkedEntry(byte[] Bytes, long Address, bool IsWhole)
{
    public JournalEntry Entry => JournalEntry.OfChecked(Bytes);
}

/// <summary>
/// Reads the journal's files as they lie there, past damage at which FASTER's reading ends. FASTER frames each entry, and commit records of its own among them:
/// <code>
///  0                   8        12
/// +-------------------+--------+-------+---------+
/// | XOR of all behind | length | bytes | to four |
/// +-------------------+--------+-------+---------+
/// </code>
/// A commit record's length is negative. Nothing crosses the end of a page; what is left of one is zero.
/// <para>
/// An entry is found by the one before, whose header says for sure where it ends; so no content can pass for an entry. What is no entry can only be a commit record, which is passed
/// where it is damaged: the next entry says whether one is missing.
/// </para>
/// </summary>
/// <remarks>One thread's. Reads only.</remarks>
internal sealed class JournalWalk(IStoreFiles files, string folder, Geometry geometry)
{
    private const int FrameSize = 12;
    private const int Alignment = 4;

    // A commit record holds no more than a slot of `commits` does.
    private const int CommitRecordMax = JournalCommits.SlotSize;

    private byte[] _page = [];
    private long _loaded = -1;

    /// <summary>What was found that is not as it was written, one line each.</summary>
    public List<string> Damages { get; } = [];

    /// <summary>The reading ended before something that nobody was told of.</summary>
    public bool IsTorn { get; private set; }

    /// <summary>The entries from an address on, up to the tail and to the newest that was surely committed; damaged ones with what their headers say.</summary>
    /// <exception cref="StoreDamagedException">One is damaged so that its document cannot be told, or is not there.</exception>
    /// <exception cref="StoreUnavailableException">The disk does not give it.</exception>
    public IEnumerable<WalkedEntry> Read(JournalChain chain, long from, long tail)
    {
        long position = from;
        long behind = from;                                       // the last entry
        while (position < tail || !chain.HasAllKnown)
        {
            if (position >= tail && position > chain.Known) throw chain.Damage($"lacks all behind {PlaceOf(behind)}, up to the committed entry at {chain.Known}");
            if (!TryStep(ref position, out WalkedEntry? found))
            {
                if (!chain.HasAllKnown) throw chain.Damage($"is damaged behind {PlaceOf(behind)} so that it cannot be told which documents are concerned");
                Damages.Add($"{PlaceOf(position)} and what follows is damaged, behind the last entry; none is lost");
                IsTorn = true;
                yield break;
            }

            if (found is null) continue;
            bool isGap = !chain.IsNext(found.Entry) || found.Address > chain.Known;
            if (!chain.HasAllKnown && isGap) throw chain.Damage($"is damaged between {PlaceOf(behind)} and address {found.Address} so that it cannot be told which documents are concerned");
            behind = position;
            IsTorn = !chain.TryFollow(found.Entry, found.Address);
            if (IsTorn) yield break;
            yield return found;
        }
    }

    // Goes to the next entry, or over a commit record or the rest of a page. false: it is neither, and the position is where it was.
    private bool TryStep(ref long position, out WalkedEntry? found)
    {
        found = null;
        long start = position;
        for (; position - start <= CommitRecordMax; position += Alignment)
        {
            Span<byte> rest = RestOfPage(position);
            bool isCommit = IsCommitRecord(rest, out int length);
            bool isEnd = rest.Length < FrameSize + JournalEntry.HeaderSize || IsPadding(rest);
            if (!isCommit && !isEnd && !TryEntry(rest, position, out found)) continue;

            bool isSound = isCommit || !isEnd || !rest.ContainsAnyExcept((byte)0);
            if (position != start || !isSound) Damages.Add($"{PlaceOf(start)} and {Math.Max(position - start, 1)} bytes from there on are damaged, where no entry begins");
            position += isEnd ? rest.Length : FrameSize + RoundUp(found?.Bytes.Length ?? length);
            return true;
        }

        position = start;
        return false;
    }

    private bool TryEntry(Span<byte> rest, long position, [NotNullWhen(true)] out WalkedEntry? found)
    {
        found = null;
        Span<byte> bytes = rest[FrameSize..];
        bool isWhole = JournalEntry.TryReadHeader(bytes, out JournalEntry entry) && JournalEntry.TryRead(bytes[..entry.Length], out _);
        bool isRepaired = !isWhole && JournalEntry.TryRepair(bytes);
        if (!JournalEntry.TryReadHeader(bytes, out entry)) return false;
        // Of one without heads and body the header's sum says it all.
        bool hasContent = entry.BodyOffset < entry.Length || !entry.Heads.IsEmpty;
        string? damage = isRepaired ? "of which one bit was wrong and is known"
            : !isWhole && hasContent ? "whose content is lost"
            : !isWhole || !IsFramed(rest, entry.Length) ? "which itself is whole"
            : null;
        if (damage is not null) Damages.Add($"{PlaceOf(position)} and {FrameSize + entry.Length} bytes from there on are damaged: an entry of document {entry.Id}, {damage}");
        found = new WalkedEntry(bytes[..entry.Length].ToArray(), position, isWhole || isRepaired || !hasContent);
        return true;
    }

    private static bool IsFramed(ReadOnlySpan<byte> rest, int length) =>
        BinaryPrimitives.ReadInt32LittleEndian(rest[sizeof(ulong)..]) == length
        && BinaryPrimitives.ReadUInt64LittleEndian(rest) == Xor(rest.Slice(sizeof(ulong), sizeof(int) + length));

    private static bool IsCommitRecord(ReadOnlySpan<byte> rest, out int length)
    {
        length = 0;
        if (rest.Length < FrameSize) return false;
        int negative = BinaryPrimitives.ReadInt32LittleEndian(rest[sizeof(ulong)..]);
        if (negative is >= 0 or < -CommitRecordMax) return false;
        length = -negative;
        return FrameSize + RoundUp(length) <= rest.Length && BinaryPrimitives.ReadUInt64LittleEndian(rest) == Xor(rest.Slice(sizeof(ulong), sizeof(int) + length));
    }

    // As FASTER does it: by eight, what is left by one.
    private static ulong Xor(ReadOnlySpan<byte> bytes)
    {
        ulong sum = 0;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words) sum ^= word;
        foreach (byte b in bytes[(words.Length * sizeof(ulong))..]) sum ^= b;
        return sum;
    }

    // Zeros, of which one bit may have been flipped: nothing that was written is so empty.
    private static bool IsPadding(ReadOnlySpan<byte> rest)
    {
        int at = rest.IndexOfAnyExcept((byte)0);
        return at < 0 || (BitOperations.IsPow2(rest[at]) && !rest[(at + 1)..].ContainsAnyExcept((byte)0));
    }

    private Span<byte> RestOfPage(long position)
    {
        long page = position & -(long)geometry.PageBytes;
        if (page != _loaded) Load(page);
        return _page.AsSpan((int)(position - page));
    }

    private void Load(long page)
    {
        _loaded = -1;
        if (_page.Length == 0) _page = GC.AllocateUninitializedArray<byte>(geometry.PageBytes);
        int read = 0;
        string path = PathOf(page);
        try
        {
            if (files.FileExists(path))
            {
                using IStoreFile file = files.Open(path, create: false);
                while (read < _page.Length && file.Read(_page.AsSpan(read), (page % geometry.JournalSegmentBytes) + read) is var count and > 0) read += count;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw StoreUnavailableException.For("reading the journal", folder, e.Message, e);
        }

        _page.AsSpan(read).Clear();
        _loaded = page;
    }

    private string PathOf(long address) => FormattableString.Invariant($"{Path.Combine(folder, "journal")}.{address / geometry.JournalSegmentBytes}");

    private string PlaceOf(long address) => FormattableString.Invariant($"{PathOf(address)}: byte {address % geometry.JournalSegmentBytes} (journal address {address})");

    private static int RoundUp(int size) => (size + Alignment - 1) & -Alignment;
}
