namespace Ratatoskr.Storage.Tests.PowerCuts;

/// <summary>A file's content: as a process sees it, as it is on the disk, and the writes in between.</summary>
/// <remarks>Guarded by the file system's lock.</remarks>
internal sealed class SimulatedFile
{
    private const int SectorBytes = 512;

    private readonly List<(long Offset, byte[] Bytes)> _unsynced = [];
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

    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        Put(ref _seen, ref _length, bytes, offset);
        _unsynced.Add((offset, bytes.ToArray()));
    }

    public void Sync()
    {
        foreach ((long offset, byte[] bytes) in _unsynced) Put(ref _onDisk, ref _lengthOnDisk, bytes, offset);
        _unsynced.Clear();
    }

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
        _unsynced.Clear();
    }

    /// <summary>One write, which was the last thing that was written there, has reached the disk; others may not have.</summary>
    public void Sync(long offset, int length)
    {
        int index = _unsynced.FindIndex(write => write.Offset == offset && write.Bytes.Length == length);
        Put(ref _onDisk, ref _lengthOnDisk, _unsynced[index].Bytes, offset);
        _unsynced.RemoveAt(index);
    }

    /// <summary>What is there after a power cut: what was synced, and of each other write any of its sectors.</summary>
    public SimulatedFile AfterPowerCut(Random random)
    {
        SimulatedFile file = new() { _onDisk = _onDisk.AsSpan(0, _lengthOnDisk).ToArray(), _lengthOnDisk = _lengthOnDisk };
        double survives = random.Next(4) switch { 0 => 0, 1 => 1, _ => random.NextDouble() };
        foreach ((long offset, byte[] bytes) in _unsynced)
        {
            for (int start = 0; start < bytes.Length;)
            {
                // To the next boundary of a sector of the disk, not of the write.
                int end = (int)Math.Min(bytes.Length, (((offset + start) / SectorBytes) + 1) * SectorBytes - offset);
                if (random.NextDouble() < survives) Put(ref file._onDisk, ref file._lengthOnDisk, bytes.AsSpan(start, end - start), offset + start);
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
}
