namespace Ratatoskr.Storage.Tests.PowerCuts;

/// <summary>A file's content: as a process sees it, as it is on the disk, and the writes in between, in their order.</summary>
/// <remarks>Guarded by the file system's lock.</remarks>
internal sealed class SimulatedFile
{
    private const int SectorBytes = 512;

    private readonly List<Write> _writes = [];           // from the oldest that is not synced
    private byte[] _seen = [];
    private byte[] _onDisk = [];
    private int _length;
    private int _lengthOnDisk;

    public int Length => _length;

    public int Read(Span<byte> into, long offset)
    {
        int count = (int)Math.Clamp(_length - offset, 0, into.Length);
        if (count > 0) _seen.AsSpan((int)offset, count).CopyTo(into);
        return count;
    }

    /// <returns>For <see cref="Sync(Write)"/>.</returns>
    public Write Put(ReadOnlySpan<byte> bytes, long offset)
    {
        Put(ref _seen, ref _length, bytes, offset);
        Write write = new(offset, bytes.ToArray());
        _writes.Add(write);
        return write;
    }

    public void Sync()
    {
        foreach (Write write in _writes) Put(ref _onDisk, ref _lengthOnDisk, write.Bytes, write.Offset);
        _writes.Clear();
    }

    /// <summary>One write has reached the disk; others may not have.</summary>
    public void Sync(Write synced)
    {
        synced.IsSynced = true;
        int count = _writes.FindIndex(write => !write.IsSynced);
        if (count < 0) count = _writes.Count;
        foreach (Write write in _writes.Take(count)) Put(ref _onDisk, ref _lengthOnDisk, write.Bytes, write.Offset);
        _writes.RemoveRange(0, count);
    }

    /// <summary>The disk could not write what is not synced, and the kernel has it clean from now on: it reads well, and will never be on the disk.</summary>
    public void LoseUnsynced() => _writes.Clear();

    /// <summary>Cut off and synced, in one.</summary>
    public void Truncate(long length)
    {
        if (length < _length)
        {
            _seen.AsSpan((int)length).Clear();
            _length = (int)length;
        }

        _onDisk = [.. _seen];
        _lengthOnDisk = _length;
        _writes.Clear();
    }

    /// <summary>What is there after a power cut: what was synced, and of each other write any of its sectors.</summary>
    public SimulatedFile AfterPowerCut(Random random)
    {
        SimulatedFile file = new() { _onDisk = _onDisk.AsSpan(0, _lengthOnDisk).ToArray(), _lengthOnDisk = _lengthOnDisk };
        double survives = random.Next(4) switch { 0 => 0, 1 => 1, _ => random.NextDouble() };
        foreach (Write write in _writes)
        {
            for (int start = 0; start < write.Bytes.Length;)
            {
                // To the next boundary of a sector of the disk, not of the write.
                int end = (int)Math.Min(write.Bytes.Length, (((write.Offset + start) / SectorBytes) + 1) * SectorBytes - write.Offset);
                if (write.IsSynced || random.NextDouble() < survives) Put(ref file._onDisk, ref file._lengthOnDisk, write.Bytes.AsSpan(start, end - start), write.Offset + start);
                start = end;
            }
        }

        file._seen = [.. file._onDisk];
        file._length = file._lengthOnDisk;
        return file;
    }

    private static void Put(ref byte[] content, ref int length, ReadOnlySpan<byte> bytes, long offset)
    {
        int end = checked((int)offset + bytes.Length);
        if (content.Length < end) Array.Resize(ref content, Math.Max(end, content.Length * 2));
        bytes.CopyTo(content.AsSpan((int)offset));
        length = Math.Max(length, end);
    }

    internal sealed class Write(long offset, byte[] bytes)
    {
        public long Offset => offset;

        public byte[] Bytes => bytes;

        public bool IsSynced { get; set; }
    }
}
