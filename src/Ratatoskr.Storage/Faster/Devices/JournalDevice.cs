using FASTER.core;

namespace Ratatoskr.Storage.Faster.Devices;

/// <summary>The journal's files, written by the thread that commits: it waits for the disk in any case, and need not be woken.</summary>
/// <remarks>FASTER calls it from its threads; one writes at a time.</remarks>
internal sealed class JournalDevice(string path) : FileDevice(path)
{
    /// <summary>Answers before it returns; an error is an error code, as FASTER expects.</summary>
    public override void WriteAsync(IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
    {
        uint error = Write(segmentId, sourceAddress, destinationAddress, numBytesToWrite);
        callback(error, error == 0 ? numBytesToWrite : 0, context);
    }
}
