using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>
/// A CRC32C for each sector of the table's files, so that nothing FASTER reads from disk can be anything but what it wrote: its record headers, keys and chains have no checksums
/// of their own. One file per segment, <c>sums/N</c>, in blocks that can be damaged by themselves:
/// <code>
///  0        4                                  512
/// +--------+----------------------------------+
/// | CRC32C | CRC32C of 127 sectors, 0 unknown | ...
/// +--------+----------------------------------+
/// </code>
/// Written and synced with each checkpoint, before it counts. What was written since lies in memory, 4 bytes per sector, one segment's and what a checkpoint's growth adds.
/// </summary>
/// <remarks>Safe on any thread. <see cref="Save"/> one at a time.</remarks>
internal sealed class SectorSums(IStoreFiles files, string folder, long segmentBytes)
{
    public const int SectorBytes = 512;
    private const int BlockBytes = 512;
    private const int SumsPerBlock = (BlockBytes / sizeof(uint)) - 1;

    // 2 MiB, for 254 MiB of the table.
    private const int BlocksMax = 4096;

    private readonly Lock _gate = new();
    private readonly Dictionary<(int Segment, int Number), uint[]> _blocks = [];   // of segments that do not change any more
    private readonly Dictionary<int, Segment> _recent = [];
    private long _savedTail;

    private int SectorsPerSegment => checked((int)(segmentBytes / SectorBytes));

    /// <summary>After a recovery: what lies before this address has sums on disk, and what lies behind has none.</summary>
    public void ContinueAt(long tail)
    {
        _savedTail = tail / SectorBytes * SectorBytes;
        int segment = checked((int)(tail / segmentBytes));
        Segment last = new(new uint[SectorsPerSegment]);
        Load(segment, 0, last.Sums, null);
        lock (_blocks) _blocks.Clear();                          // its last one will change
        lock (_gate) _recent[segment] = last;
    }

    /// <summary>These bytes are going to be written. Returns what the first sector's sum was; 0: unknown.</summary>
    public uint Set(int segment, long offset, ReadOnlySpan<byte> bytes)
    {
        int first = (int)(offset / SectorBytes);
        int count = bytes.Length / SectorBytes;
        Span<uint> sums = count <= 256 ? stackalloc uint[count] : new uint[count];
        for (int i = 0; i < count; i++) sums[i] = Sum(bytes.Slice(i * SectorBytes, SectorBytes));
        lock (_gate)
        {
            Segment recent = Recent(segment);
            uint before = recent.Sums[first];
            sums.CopyTo(recent.Sums.AsSpan(first));
            recent.MarkDirty(first, first + count);
            return before;
        }
    }

    /// <summary>Sums of sectors from one on; 0 where unknown.</summary>
    public void Get(int segment, int first, Span<uint> sums)
    {
        sums.Clear();
        lock (_gate)
        {
            if (_recent.TryGetValue(segment, out Segment? recent))
            {
                recent.Sums.AsSpan(first, sums.Length).CopyTo(sums);
                return;
            }
        }

        Load(segment, first, sums, null);
    }

    /// <summary>A segment's sums from its beginning on, as they are on disk.</summary>
    /// <param name="damaged">Gets the places in the file of blocks that are not what was written.</param>
    public void GetSaved(int segment, Span<uint> sums, List<long> damaged) => Load(segment, 0, sums, damaged);

    /// <summary>How a sector that is not what was written is told of.</summary>
    public static string DamageOf(string file, long offset) => string.Create(CultureInfo.InvariantCulture, $"{file} is damaged in the {SectorBytes} bytes from {offset} on");

    public static uint Sum(ReadOnlySpan<byte> sector) => Math.Max(1, Crc32C.Compute(sector));   // 0 says unknown

    /// <summary>Writes what has come since the last time; durable at the return, but for the names.</summary>
    public void Save()
    {
        List<(int Segment, int FirstBlock, uint[] Sums)> changed = [];
        lock (_gate)
        {
            foreach ((int number, Segment segment) in _recent)
            {
                if (segment.Take() is not { } range) continue;
                int firstBlock = range.From / SumsPerBlock;
                int from = firstBlock * SumsPerBlock;
                changed.Add((number, firstBlock, segment.Sums.AsSpan(from, Math.Min(segment.Sums.Length, (range.Until + SumsPerBlock - 1) / SumsPerBlock * SumsPerBlock) - from).ToArray()));
            }
        }

        try
        {
            foreach ((int segment, int firstBlock, uint[] sums) in changed) Write(segment, firstBlock, sums);
        }
        catch
        {
            lock (_gate)
            {
                foreach ((int segment, int firstBlock, uint[] sums) in changed) Recent(segment).MarkDirty(firstBlock * SumsPerBlock, (firstBlock * SumsPerBlock) + sums.Length);
            }

            throw;
        }

        lock (_gate)
        {
            if (_recent.Count == 0) return;
            // The one before the last, too: FASTER's writes of pages may overtake one another.
            int last = _recent.Keys.Max() - 1;
            _savedTail = Math.Max(_savedTail, last * segmentBytes);
            foreach (int segment in _recent.Where(one => one.Key < last && one.Value.IsClean).Select(one => one.Key).ToArray()) _recent.Remove(segment);
        }
    }

    /// <summary>The segment's file is removed, or about to be.</summary>
    public void Remove(int segment)
    {
        lock (_gate) _recent.Remove(segment);
        files.Delete(PathOf(segment));
    }

    /// <summary>Removes what a crash left behind, before an address.</summary>
    public void RemoveBefore(long address)
    {
        foreach (string file in files.FilesIn(folder))
        {
            if (int.TryParse(Path.GetFileName(file.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out int segment) && segment < address / segmentBytes) files.Delete(file);
        }
    }

    public string PathOf(int segment) => Path.Combine(folder, segment.ToString(CultureInfo.InvariantCulture));

    private Segment Recent(int number)
    {
        if (_recent.TryGetValue(number, out Segment? segment)) return segment;
        segment = new Segment(new uint[SectorsPerSegment]);
        _recent.Add(number, segment);
        return segment;
    }

    private void Load(int segment, int first, Span<uint> sums, List<long>? damaged)
    {
        // Beyond the checkpoint there are the leavings of an earlier life at most.
        long known = Math.Min(SectorsPerSegment, (_savedTail - (segment * segmentBytes)) / SectorBytes);
        sums = sums[..(int)Math.Clamp(known - first, 0, sums.Length)];
        if (sums.IsEmpty) return;
        for (int done = 0; done < sums.Length;)
        {
            int number = (first + done) / SumsPerBlock;
            int skipped = (first + done) % SumsPerBlock;
            int count = Math.Min(SumsPerBlock - skipped, sums.Length - done);
            if (Block(segment, number) is { } block) block.AsSpan(skipped, count).CopyTo(sums[done..]);
            else damaged?.Add((long)number * BlockBytes);
            done += count;
        }
    }

    // null: it is not there, or damaged.
    private uint[]? Block(int segment, int number)
    {
        lock (_blocks)
        {
            if (_blocks.TryGetValue((segment, number), out uint[]? sums)) return sums;
        }

        if (!files.FileExists(PathOf(segment))) return null;
        byte[] block = new byte[BlockBytes];
        using (IStoreFile file = files.Open(PathOf(segment), create: false))
        {
            if (file.Read(block, (long)number * BlockBytes) < BlockBytes || BinaryPrimitives.ReadUInt32LittleEndian(block) != Crc32C.Compute(block.AsSpan(sizeof(uint)))) return null;
        }

        uint[] read = MemoryMarshal.Cast<byte, uint>(block)[1..].ToArray();
        lock (_blocks)
        {
            if (_blocks.Count >= BlocksMax) _blocks.Clear();
            return _blocks[(segment, number)] = read;
        }
    }

    private void Write(int segment, int firstBlock, ReadOnlySpan<uint> sums)
    {
        byte[] blocks = new byte[(sums.Length + SumsPerBlock - 1) / SumsPerBlock * BlockBytes];
        for (int i = 0; i * SumsPerBlock < sums.Length; i++)
        {
            Span<byte> block = blocks.AsSpan(i * BlockBytes, BlockBytes);
            ReadOnlySpan<uint> of = sums.Slice(i * SumsPerBlock, Math.Min(SumsPerBlock, sums.Length - (i * SumsPerBlock)));
            MemoryMarshal.AsBytes(of).CopyTo(block[sizeof(uint)..]);
            BinaryPrimitives.WriteUInt32LittleEndian(block, Crc32C.Compute(block[sizeof(uint)..]));
        }

        using IStoreFile file = files.Open(PathOf(segment), create: !files.FileExists(PathOf(segment)));
        file.Write(blocks, (long)firstBlock * BlockBytes);
        file.Sync();
    }

    private sealed class Segment(uint[] sums)
    {
        private int _from = int.MaxValue;
        private int _until;

        public uint[] Sums => sums;

        public bool IsClean => _until == 0;

        public void MarkDirty(int from, int until) => (_from, _until) = (Math.Min(_from, from), Math.Max(_until, Math.Min(until, sums.Length)));

        public (int From, int Until)? Take()
        {
            if (IsClean) return null;
            (int From, int Until) range = (_from, _until);
            (_from, _until) = (int.MaxValue, 0);
            return range;
        }
    }
}
