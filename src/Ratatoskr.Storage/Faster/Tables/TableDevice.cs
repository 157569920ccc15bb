using System.Globalization;
using System.Runtime.InteropServices;
using FASTER.core;
using Ratatoskr.Storage.Faster.Devices;
using Ratatoskr.Storage.Faster.Folders;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>
/// The table's files. They go only when the store says so: FASTER removes what lies before the beginning as soon as a checkpoint is complete;
/// but that one counts only when its names are durable and the checkpoint record points to it. A crash in between would recover the one before, without its files.
/// <para>Each sector is compared with its <see cref="SectorSums">checksum</see> when it is read; a read that meets another is damage, and gives FASTER nothing.</para>
/// </summary>
/// <remarks>FASTER calls it from its threads, the writer thread removes.</remarks>
internal sealed class TableDevice(IStoreFiles system, string path, string sums, long segmentBytes, TimeSpan writeAgainAfter)
    : GuardedDevice(path, system.OpenDevice(path), writeAgainAfter)
{
    private readonly Lock _gate = new();
    private readonly List<int> _unneeded = [];
    private readonly Dictionary<(int Segment, long Offset), uint> _beingReplaced = [];   // sectors that a write under way continues, and what their sums were
    private long _tail;
    private byte[] _tailSector = [];

    public SectorSums Sums { get; } = new(system, sums, segmentBytes);

    /// <summary>Before a recovery: what the checkpoint says of the table's end.</summary>
    public void ContinueAt(CheckpointSums checkpoint)
    {
        (_tail, _tailSector) = (checkpoint.TableTail, checkpoint.TailSector);
        Sums.ContinueAt(checkpoint.TableTail);
    }

    public override unsafe void WriteAsync(IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
    {
        // FASTER may mark a record in this memory as superseded while it is being written: what is written must be what was summed.
        byte* copy = (byte*)NativeMemory.AlignedAlloc(numBytesToWrite, SectorSums.SectorBytes);
        NativeMemory.Copy((void*)sourceAddress, copy, numBytesToWrite);
        // A page that was recovered blank goes on behind what is not in memory.
        if (Damage is not null && TailSectorIn(segmentId, (long)destinationAddress, (int)numBytesToWrite) is var at and >= 0) _tailSector.CopyTo(new Span<byte>(copy + at, _tailSector.Length));
        (int, long) first = (segmentId, (long)destinationAddress);
        lock (_gate) _beingReplaced[first] = Sums.Set(segmentId, (long)destinationAddress, new ReadOnlySpan<byte>(copy, (int)numBytesToWrite));
        base.WriteAsync(
            (IntPtr)copy,
            segmentId,
            destinationAddress,
            numBytesToWrite,
            (error, bytes, state) =>
            {
                lock (_gate) _beingReplaced.Remove(first);
                NativeMemory.Free(copy);
                callback(error, bytes, state);
            },
            context);
    }

    public override void RemoveSegment(int segment)
    {
        lock (_gate) _unneeded.Add(segment);
    }

    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result)
    {
        RemoveSegment(segment);
        callback(result);
    }

    /// <summary>Removes what FASTER wanted removed so far.</summary>
    public void RemoveUnneeded()
    {
        int[] segments;
        lock (_gate)
        {
            segments = [.. _unneeded];
            _unneeded.Clear();
        }

        foreach (int segment in segments)
        {
            Files.RemoveSegment(segment);
            Sums.Remove(segment);
        }
    }

    /// <summary>After recovery: removes files that a crash left behind, before the beginning.</summary>
    public void RemoveBefore(long address)
    {
        string name = Path.GetFileName(FileName) + ".";
        foreach (string file in system.FilesIn(Path.GetDirectoryName(FileName)!))
        {
            ReadOnlySpan<char> of = Path.GetFileName(file.AsSpan());
            if (of.StartsWith(name, StringComparison.Ordinal)
                && long.TryParse(of[name.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out long segment) && segment < address / segmentBytes) system.Delete(file);
        }

        Sums.RemoveBefore(address);
    }

    /// <summary>The last sector's bytes before the table's end, as they are on disk. All before the end has been written, but for an empty table's.</summary>
    public byte[] ReadTailSector(long begin, long tail)
    {
        byte[] bytes = new byte[tail % SectorSums.SectorBytes];
        if (bytes.Length == 0 || tail <= begin) return bytes;
        using IStoreFile file = system.Open(NameOf((int)(tail / segmentBytes)), create: false);
        if (file.Read(bytes, (tail - bytes.Length) % segmentBytes) < bytes.Length) throw new IOException("the table's last sector could not be read");
        return bytes;
    }

    protected override StoreDamagedException? FindDamage(int segment, long offset, Span<byte> bytes)
    {
        StoreDamagedException? damage = null;
        int count = bytes.Length / SectorSums.SectorBytes;
        Span<uint> expected = count <= 256 ? stackalloc uint[count] : new uint[count];
        Sums.Get(segment, (int)(offset / SectorSums.SectorBytes), expected);
        for (int i = 0; i < count && damage is null; i++)
        {
            if (expected[i] == 0 || expected[i] == SectorSums.Sum(bytes.Slice(i * SectorSums.SectorBytes, SectorSums.SectorBytes))) continue;
            long at = offset + (i * SectorSums.SectorBytes);
            if (IsBeingReplaced(segment, at, out uint before) && (before == 0 || before == SectorSums.Sum(bytes.Slice(i * SectorSums.SectorBytes, SectorSums.SectorBytes)))) continue;
            damage = new StoreDamagedException(SectorSums.DamageOf(NameOf(segment), at));
        }

        if (damage is not null)
        {
            bytes.Clear();                                       // all of it: FASTER must not find half a record
            return damage;
        }

        BlankBehindTail(segment, offset, bytes, expected);
        PutTailSector(segment, offset, bytes, expected);
        return null;
    }

    // What an earlier life has left there is no record; FASTER's recovery walks through it to the page's end, and crashes where a power cut has torn it.
    private void BlankBehindTail(int segment, long offset, Span<byte> bytes, ReadOnlySpan<uint> sums)
    {
        long start = (segment * segmentBytes) + offset;
        if (start + bytes.Length <= _tail) return;
        for (int i = 0; i < sums.Length; i++)
        {
            if (sums[i] == 0 && start + ((i + 1) * SectorSums.SectorBytes) > _tail) bytes.Slice(i * SectorSums.SectorBytes, SectorSums.SectorBytes).Clear();
        }
    }

    // As long as this life has not written the sector anew, its beginning is what the checkpoint says.
    private void PutTailSector(int segment, long offset, Span<byte> bytes, ReadOnlySpan<uint> sums)
    {
        int at = TailSectorIn(segment, offset, bytes.Length);
        if (at < 0) return;
        if (sums[at / SectorSums.SectorBytes] == 0 || (IsBeingReplaced(segment, at + offset, out uint before) && before == 0)) _tailSector.CopyTo(bytes[at..]);
    }

    // Where in these bytes of a segment the sector lies in which the checkpoint ends; -1: nowhere.
    private int TailSectorIn(int segment, long offset, int length)
    {
        if (_tailSector.Length == 0 || segment != _tail / segmentBytes) return -1;
        long at = ((_tail - _tailSector.Length) % segmentBytes) - offset;
        return at >= 0 && at + _tailSector.Length <= length ? (int)at : -1;
    }

    private bool IsBeingReplaced(int segment, long offset, out uint before)
    {
        lock (_gate) return _beingReplaced.TryGetValue((segment, offset), out before);
    }
}
