using System.Diagnostics.CodeAnalysis;
using FASTER.core;
using Microsoft.Win32.SafeHandles;

namespace Ratatoskr.Storage.Faster.Devices;

/// <summary>
/// Segments as files, for FASTER. Its own device takes two turns of the thread pool for each read and each write; they wait behind whatever the server has to do, the more the
/// busier the machine, and the pool's threads wait for the disk. Here what the system has in memory is read by the caller at once, what it has not, and all that is written, by
/// <see cref="DeviceThreads"/>. Writes are on the disk when they are answered.
/// </summary>
/// <remarks>FASTER calls it from its threads, and is answered on them or others.</remarks>
internal class FileDevice(string path) : StorageDeviceBase(path, SectorBytes, -1)
{
    private const int SectorBytes = 512;   // what FASTER's device assumes on Linux
    private const uint UnknownError = uint.MaxValue;

    // FASTER follows a chain of records from the answer to one read to the next: what is all in memory must not fill the stack.
    private const int NestedMax = 16;

    [ThreadStatic]
    private static int s_nested;

    private readonly object _gate = new();                        // also waited on
    private readonly Dictionary<int, SafeFileHandle> _segments = [];
    private int _underWay;                                        // on other threads
    private bool _isDisposed;

    public override void ReadAsync(int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context)
    {
        if (s_nested < NestedMax && TryReadAtOnce(segmentId, sourceAddress, destinationAddress, readLength))
        {
            s_nested++;
            try
            {
                callback(0, readLength, context);
            }
            finally
            {
                s_nested--;
            }

            return;
        }

        Start(new Transfer(this, isWrite: false, segmentId, sourceAddress, destinationAddress, readLength, callback, context));
    }

    public override void WriteAsync(IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context) =>
        Start(new Transfer(this, isWrite: true, segmentId, destinationAddress, sourceAddress, numBytesToWrite, callback, context));

    public override long GetFileSize(int segment)
    {
        if (segmentSize > 0) return segmentSize;
        return TryOpen(segment, create: false, out SafeFileHandle? file) ? RandomAccess.GetLength(file) : 0;
    }

    public override void RemoveSegment(int segment)
    {
        lock (_gate)
        {
            if (_segments.Remove(segment, out SafeFileHandle? file)) file.Dispose();
        }

        try
        {
            File.Delete(NameOf(segment));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // FASTER does not want to know: the segment is as good as gone, and its file is removed at the next opening.
        }
    }

    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result)
    {
        RemoveSegment(segment);
        callback(result);
    }

    /// <summary>Waits for what is under way: it is into and out of FASTER's memory.</summary>
    public override void Dispose()
    {
        lock (_gate)
        {
            while (_underWay > 0) Monitor.Wait(_gate);
            _isDisposed = true;
            foreach (SafeFileHandle file in _segments.Values) file.Dispose();
            _segments.Clear();
        }
    }

    /// <summary>Writes on the calling thread.</summary>
    /// <returns>What FASTER takes for an error's code; 0: none.</returns>
    protected unsafe uint Write(int segment, IntPtr source, ulong address, uint length)
    {
        try
        {
            TryOpen(segment, create: true, out SafeFileHandle? file);
            for (uint done = 0; done < length;)
            {
                int count = (int)Math.Min(length - done, int.MaxValue);
                RandomAccess.Write(file!, new ReadOnlySpan<byte>((byte*)source + done, count), (long)address + done);
                done += (uint)count;
            }

            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            return CodeOf(e);
        }
    }

    // The bytes read; fewer than asked for at the end of the file.
    private unsafe uint Read(int segment, IntPtr into, ulong address, uint length)
    {
        uint done = 0;
        try
        {
            if (!TryOpen(segment, create: false, out SafeFileHandle? file)) return 0;
            while (done < length)
            {
                int count = RandomAccess.Read(file, new Span<byte>((byte*)into + done, (int)Math.Min(length - done, int.MaxValue)), (long)address + done);
                if (count == 0) break;
                done += (uint)count;
            }
        }
        catch (ObjectDisposedException)
        {
            return 0;                                             // the segment was removed meanwhile: there is nothing
        }

        return done;
    }

    private bool TryReadAtOnce(int segment, ulong address, IntPtr into, uint length)
    {
        try
        {
            return TryOpen(segment, create: false, out SafeFileHandle? file) && CachedReads.TryRead(file, into, length, address);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            return false;                                         // it is met again, and told, by the read that waits
        }
    }

    private bool TryOpen(int segment, bool create, [NotNullWhen(true)] out SafeFileHandle? file)
    {
        lock (_gate)
        {
            if (_segments.TryGetValue(segment, out file)) return true;
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            string name = NameOf(segment);
            if (!create && !File.Exists(name)) return false;
            file = File.OpenHandle(name, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, FileOptions.WriteThrough);
            _segments.Add(segment, file);
            return true;
        }
    }

    private void Start(Transfer transfer)
    {
        lock (_gate) _underWay++;
        DeviceThreads.Shared.Start(transfer);
    }

    private void End()
    {
        lock (_gate)
        {
            if (--_underWay == 0) Monitor.PulseAll(_gate);
        }
    }

    private string NameOf(int segment) => GetSegmentFilename(FileName, segment);

    private static uint CodeOf(Exception fault)
    {
        uint code = (uint)fault.HResult & 0xFFFF;
        return code == 0 ? UnknownError : code;
    }

    /// <summary>A read or write that a thread waits for.</summary>
    private sealed class Transfer(
        FileDevice device, bool isWrite, int segment, ulong address, IntPtr memory, uint length, DeviceIOCompletionCallback callback, object context) : IThreadPoolWorkItem
    {
        public void Execute()
        {
            uint error = 0, bytes = 0;
            try
            {
                if (!isWrite) bytes = device.Read(segment, memory, address, length);
                else if ((error = device.Write(segment, memory, address, length)) == 0) bytes = length;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                error = CodeOf(e);
            }
            finally
            {
                device.End();
            }

            try
            {
                callback(error, bytes, context);
            }
            catch (Exception)
            {
                // FASTER's, at a log that was given up and disposed of meanwhile; its own device loses it, too. Reads of documents have a GuardedDevice in between, which tells.
            }
        }
    }
}
