using System.Buffers.Binary;
using System.Globalization;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster.Folders;
using Ratatoskr.Storage.Faster.Journals;
using Ratatoskr.Storage.Faster.Tables;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Faster.Checks;

/// <summary>
/// Looks at the files of a stopped store as they lie there, before an opening mends what it can: names file and place of what is not what was written, and collects the documents
/// whose records can be read, so that those are asked for, too, that nothing leads to any more.
/// </summary>
/// <remarks>Reads only. One use, one thread.</remarks>
internal sealed class FileCheck(DataFolder folder, Action<string> tell)
{
    private readonly IStoreFiles _files = folder.Files;

    /// <summary>Documents that records of the table or the journal speak of.</summary>
    public HashSet<DocumentId> Documents { get; } = [];

    /// <summary>Damaged sectors of the table, in the words in which the store refuses to read them.</summary>
    public List<string> Sectors { get; } = [];

    public void Run()
    {
        CheckSealed(Path.Combine(folder.Root, "format"));
        CheckSealed(folder.IncarnationFile);
        CheckSealed(folder.CheckpointFile);
        CheckCommits(Path.Combine(folder.Journal, "commits"));
        CheckpointRecord? checkpoint = null;
        try
        {
            checkpoint = CheckpointRecord.Read(_files, folder.CheckpointFile);
        }
        catch (StoreDamagedException)
        {
            return;                                               // told already
        }

        if (checkpoint is not null) CheckCheckpoint(checkpoint);
        CheckJournal(checkpoint?.Journal ?? Journal.FirstAddress);
    }

    private void CheckSealed(string path)
    {
        if (!_files.FileExists(path)) return;
        byte[] bytes = _files.Read(path);
        if (!SealedFile.TryRead(bytes, out _, out int damagedAt)) tell($"{path} is damaged in both of its copies");
        else if (damagedAt >= 0) tell($"{path} is damaged in the {bytes.Length / 2} bytes from {damagedAt} on, one of two copies; the other is sound");
    }

    private void CheckCommits(string path)
    {
        if (!_files.FileExists(path)) return;
        byte[] slots = _files.Read(path);
        for (int at = 0; at < slots.Length; at += JournalCommits.SlotSize)
        {
            ReadOnlySpan<byte> slot = slots.AsSpan(at, Math.Min(JournalCommits.SlotSize, slots.Length - at));
            if (slot.ContainsAnyExcept((byte)0) && !JournalCommits.IsSound(slot)) tell($"{path} is damaged in the {slot.Length} bytes from {at} on: a hint where the journal ends, which is found without it");
        }
    }

    // As far as it was surely committed, in the words of the opening; what lies before the checkpoint nobody needs.
    private void CheckJournal(long from)
    {
        string commits = Path.Combine(folder.Journal, "commits");
        if (!_files.FileExists(commits)) return;
        (long begin, long last, long until) = JournalCommits.Newest(_files.Read(commits));
        long start = Math.Max(from, begin);
        JournalWalk walk = new(_files, folder.Journal, folder.Geometry);
        try
        {
            foreach (WalkedEntry found in walk.Read(new JournalChain(folder.Journal, start, last), start, until)) Documents.Add(found.Entry.Id);
        }
        catch (StoreDamagedException e)
        {
            tell(e.Message);
        }

        foreach (string damage in walk.Damages) tell(damage);
    }

    private void CheckCheckpoint(CheckpointRecord checkpoint)
    {
        string of = Path.Combine(folder.Checkpoints, checkpoint.Token.ToString("D"));
        CheckSealed(Path.Combine(of, "index"));
        CheckSealed(Path.Combine(of, "log"));
        using (CheckpointFiles files = new(_files, folder.Checkpoints, TimeSpan.Zero))
        {
            string index = Path.Combine(of, "index.0");
            if (!_files.FileExists(index) || files.SumIndex(checkpoint.Token) != (checkpoint.Files.IndexLength, checkpoint.Files.IndexSum)) tell($"{index}, the hash index, is damaged; it is made again from the table");
        }

        SectorSums sums = new(_files, folder.Sums, folder.Geometry.TableSegmentBytes);
        sums.ContinueAt(checkpoint.Files.TableTail);
        foreach (string file in _files.FilesIn(folder.Table).Order(StringComparer.Ordinal))
        {
            if (int.TryParse(Path.GetExtension(file.AsSpan()).TrimStart('.'), NumberStyles.None, CultureInfo.InvariantCulture, out int segment)) CheckSegment(file, segment, sums, checkpoint.Files.TableTail);
        }
    }

    private void CheckSegment(string path, int segment, SectorSums sums, long tail)
    {
        long length = Math.Min(folder.Geometry.TableSegmentBytes, tail - (segment * folder.Geometry.TableSegmentBytes));
        if (length <= 0) return;
        List<long> damagedSums = [];
        uint[] expected = new uint[length / SectorSums.SectorBytes];
        sums.GetSaved(segment, expected, damagedSums);
        foreach (long at in damagedSums) tell($"{sums.PathOf(segment)} is damaged in the {SectorSums.SectorBytes} bytes from {at} on: checksums of {path}, of which the documents' own remain");

        byte[] page = new byte[folder.Geometry.PageBytes];
        using IStoreFile file = _files.Open(path, create: false);
        for (long start = 0; start < length; start += page.Length)
        {
            page.AsSpan(file.Read(page, start)..).Clear();
            for (int i = 0; i < page.Length / SectorSums.SectorBytes; i++)
            {
                long number = (start / SectorSums.SectorBytes) + i;
                if (number >= expected.Length || expected[number] == 0 || expected[number] == SectorSums.Sum(page.AsSpan(i * SectorSums.SectorBytes, SectorSums.SectorBytes))) continue;
                Sectors.Add(SectorSums.DamageOf(path, number * SectorSums.SectorBytes));
            }

            CollectDocuments(page);
        }
    }

    // Wherever a record with a sound checksum begins; what is between them is not looked at.
    private void CollectDocuments(ReadOnlySpan<byte> page)
    {
        for (int at = 0; at + sizeof(ulong) + sizeof(int) <= page.Length; at += RecordValue.RecordAlignment)
        {
            ReadOnlySpan<byte> record = page[(at + sizeof(ulong))..];
            if (TryTake(ref record, RecordKey.SizeMax, out ReadOnlySpan<byte> key) && key.Length > RecordKey.HeaderSize && TryTake(ref record, page.Length, out ReadOnlySpan<byte> value)
                && RecordValue.TryOpen(key, value, out _)) Documents.Add(DocumentId.FromTrusted(key[RecordKey.HeaderSize..].ToArray()));
        }
    }

    // A length, that many bytes, and what rounds both up to eight.
    private static bool TryTake(ref ReadOnlySpan<byte> rest, int sizeMax, out ReadOnlySpan<byte> taken)
    {
        taken = default;
        if (rest.Length < sizeof(int)) return false;
        int length = BinaryPrimitives.ReadInt32LittleEndian(rest);
        if (length <= 0 || length > sizeMax || length > rest.Length - sizeof(int)) return false;
        taken = rest.Slice(sizeof(int), length);
        rest = rest[Math.Min(rest.Length, (sizeof(int) + length + 7) & ~7)..];
        return true;
    }
}
