using System.Globalization;
using FASTER.core;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>
/// The table's files, which go only when the store says so. FASTER removes what lies before the beginning as soon as a checkpoint is complete;
/// but that one counts only when its names are durable and the checkpoint record points to it. A crash in between would recover the one before, without its files.
/// </summary>
/// <remarks>FASTER calls it from its threads, the writer thread removes.</remarks>
internal sealed class TableDevice(string path) : StorageDeviceBase(path, SectorBytes, -1)
{
    private const int SectorBytes = 512;   // what the managed device assumes on Linux

    private readonly ManagedLocalStorageDevice _files = new(path);
    private readonly Lock _gate = new();
    private readonly List<int> _unneeded = [];

    public override void Initialize(long segmentSize, LightEpoch? epoch = null, bool omitSegmentIdFromFilename = false)
    {
        base.Initialize(segmentSize, epoch, omitSegmentIdFromFilename);
        _files.Initialize(segmentSize, epoch, omitSegmentIdFromFilename);
    }

    public override bool Throttle() => _files.Throttle();

    public override bool TryComplete() => _files.TryComplete();

    public override long GetFileSize(int segment) => _files.GetFileSize(segment);

    public override void WriteAsync(IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context) =>
        _files.WriteAsync(sourceAddress, segmentId, destinationAddress, numBytesToWrite, callback, context);

    public override void ReadAsync(int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context) =>
        _files.ReadAsync(segmentId, sourceAddress, destinationAddress, readLength, callback, context);

    public override void Dispose() => _files.Dispose();

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

        foreach (int segment in segments) _files.RemoveSegment(segment);
    }

    /// <summary>After recovery: removes files that a crash left behind, before the beginning.</summary>
    public void RemoveBefore(long address, long segmentBytes)
    {
        string name = Path.GetFileName(FileName);
        foreach (string file in Directory.EnumerateFiles(Path.GetDirectoryName(FileName)!, name + ".*"))
        {
            if (long.TryParse(Path.GetExtension(file).AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out long segment) && segment < address / segmentBytes) File.Delete(file);
        }
    }
}
