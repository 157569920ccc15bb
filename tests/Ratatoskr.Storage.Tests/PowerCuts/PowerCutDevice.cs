using FASTER.core;

namespace Ratatoskr.Storage.Tests.PowerCuts;

/// <summary>A device on a <see cref="PowerCutFiles"/>: a write is on disk when it is answered, and any part of it may be before.</summary>
internal sealed unsafe class PowerCutDevice(PowerCutFiles files, string path) : StorageDeviceBase(path, 512, -1)
{
    private const uint InputOutputError = 5;

    public override void WriteAsync(IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context) =>
        Task.Run(() =>
        {
            uint error = InputOutputError;
            try
            {
                SimulatedFile file = files.Segment(NameOf(segmentId));
                SimulatedFile.Write write =
                    files.BeginWrite(NameOf(segmentId), file, new ReadOnlySpan<byte>((void*)sourceAddress, (int)numBytesToWrite), (long)destinationAddress);
                files.EndWrite(NameOf(segmentId), file, write);
                error = 0;
            }
            catch (IOException)
            {
            }

            callback(error, error == 0 ? numBytesToWrite : 0, context);
        });

    public override void ReadAsync(int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context) =>
        Task.Run(() =>
        {
            uint error = InputOutputError;
            int bytes = 0;
            try
            {
                bytes = files.ReadSegment(NameOf(segmentId), files.Segment(NameOf(segmentId)), new Span<byte>((void*)destinationAddress, (int)readLength), (long)sourceAddress);
                error = 0;
            }
            catch (IOException)
            {
            }

            callback(error, (uint)bytes, context);
        });

    public override void RemoveSegment(int segment)
    {
        try
        {
            files.Delete(NameOf(segment));
        }
        catch (IOException)
        {
            // as the real one
        }
    }

    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result)
    {
        RemoveSegment(segment);
        callback(result);
    }

    public override void Dispose()
    {
    }

    private string NameOf(int segment) => GetSegmentFilename(FileName, segment);
}
