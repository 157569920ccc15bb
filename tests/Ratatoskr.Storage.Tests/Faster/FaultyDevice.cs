using FASTER.core;

namespace Ratatoskr.Storage.Tests.Faster;

/// <summary>A file device whose writes fail while told to.</summary>
internal sealed class FaultyDevice(string path) : StorageDeviceBase(path, 512, -1)
{
    private const uint InputOutputError = 5;

    private readonly ManagedLocalStorageDevice _device = new(path);

    public static volatile bool Fails;

    public override void Initialize(long segmentSize, LightEpoch? epoch = null, bool omitSegmentIdFromFilename = false)
    {
        base.Initialize(segmentSize, epoch, omitSegmentIdFromFilename);
        _device.Initialize(segmentSize, epoch, omitSegmentIdFromFilename);
    }

    public override void WriteAsync(IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
    {
        if (Fails) callback(InputOutputError, 0, context);
        else _device.WriteAsync(sourceAddress, segmentId, destinationAddress, numBytesToWrite, callback, context);
    }

    public override void ReadAsync(int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context) =>
        _device.ReadAsync(segmentId, sourceAddress, destinationAddress, readLength, callback, context);

    public override void RemoveSegment(int segment) => _device.RemoveSegment(segment);

    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result) => _device.RemoveSegmentAsync(segment, callback, result);

    public override void Dispose() => _device.Dispose();
}
