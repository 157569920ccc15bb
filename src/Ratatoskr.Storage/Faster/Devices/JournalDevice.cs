using FASTER.core;
using Microsoft.Win32.SafeHandles;

namespace Ratatoskr.Storage.Faster.Devices;

/// <summary>
/// The journal's files, written by the thread that commits: it waits for the disk in any case, and FASTER's own device has two other threads woken for every commit, one that writes and
/// one that hears of it. Writes are through to the disk when they return; reads go the usual way.
/// </summary>
/// <remarks>FASTER calls it from its threads; one writes at a time.</remarks>
internal sealed unsafe class JournalDevice(string path) : StorageDeviceBase(path, SectorBytes, -1)
{
    private const int SectorBytes = 512;   // what the managed device assumes on Linux
    private const uint UnknownError = uint.MaxValue;

    private readonly ManagedLocalStorageDevice _reads = new(path);
    private readonly Lock _gate = new();
    private readonly Dictionary<int, SafeFileHandle> _segments = [];

    public override void Initialize(long segmentSize, LightEpoch? epoch = null, bool omitSegmentIdFromFilename = false)
    {
        base.Initialize(segmentSize, epoch, omitSegmentIdFromFilename);
        _reads.Initialize(segmentSize, epoch, omitSegmentIdFromFilename);
    }

    public override long GetFileSize(int segment) => _reads.GetFileSize(segment);

    /// <summary>Answers before it returns; an error is an error code, as FASTER expects.</summary>
    public override void WriteAsync(IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
    {
        uint error = 0;
        try
        {
            RandomAccess.Write(Segment(segmentId), new ReadOnlySpan<byte>((byte*)sourceAddress, (int)numBytesToWrite), (long)destinationAddress);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            error = (uint)e.HResult & 0xFFFF;
            if (error == 0) error = UnknownError;
        }

        callback(error, error == 0 ? numBytesToWrite : 0, context);
    }

    public override void ReadAsync(int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context) =>
        _reads.ReadAsync(segmentId, sourceAddress, destinationAddress, readLength, callback, context);

    public override void RemoveSegment(int segment)
    {
        Close(segment);
        _reads.RemoveSegment(segment);
    }

    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result)
    {
        Close(segment);
        _reads.RemoveSegmentAsync(segment, callback, result);
    }

    public override void Dispose()
    {
        lock (_gate)
        {
            foreach (SafeFileHandle file in _segments.Values) file.Dispose();
            _segments.Clear();
        }

        _reads.Dispose();
    }

    private SafeFileHandle Segment(int segment)
    {
        lock (_gate)
        {
            if (!_segments.TryGetValue(segment, out SafeFileHandle? file))
            {
                file = File.OpenHandle(GetSegmentFilename(FileName, segment), FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, FileOptions.WriteThrough);
                _segments.Add(segment, file);
            }

            return file;
        }
    }

    private void Close(int segment)
    {
        lock (_gate)
        {
            if (_segments.Remove(segment, out SafeFileHandle? file)) file.Dispose();
        }
    }
}
