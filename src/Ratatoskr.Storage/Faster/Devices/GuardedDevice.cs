using FASTER.core;

namespace Ratatoskr.Storage.Faster.Devices;

/// <summary>
/// Stands between FASTER and its files, because FASTER does not survive errors: a failed read it takes for a record, waits for for ever in a scan, and forgets in a recovery;
/// for a page that could not be written its table waits for ever, and an index checkpoint counts as taken. So it is told of none. A read that fails, comes back short or is damaged gives
/// zeros, which are no record, and its <see cref="ReadScope"/> and <see cref="ReadFaults"/> tell the store. A write that fails is repeated until it succeeds;
/// meanwhile <see cref="WriteFault"/> says why, and the store refuses what is new. Only FasterLog's commits look at errors of writes.
/// </summary>
/// <param name="writeAgainAfter">null: failed writes are FASTER's to handle.</param>
/// <param name="failed">Is told of those.</param>
/// <remarks>FASTER calls it from its threads.</remarks>
internal class GuardedDevice(string path, IDevice files, TimeSpan? writeAgainAfter, Action<Exception>? failed = null) : StorageDeviceBase(path, SectorBytes, -1)
{
    private const int SectorBytes = 512;   // what the managed device assumes on Linux

    private readonly TimeSpan _writeAgainAfter = writeAgainAfter.GetValueOrDefault();
    private Exception? _writeFault;
    private Exception? _readFault;
    private StoreDamagedException? _damage;
    private int _readFaults;
    private int _failing;
    private int _underWay;
    private volatile bool _givenUp;
    private volatile bool _recovers;
    private volatile bool _recoversBadly;

    /// <summary>Why writes are failing now; null when none is.</summary>
    public Exception? WriteFault => Volatile.Read(ref _failing) > 0 ? Volatile.Read(ref _writeFault) : null;

    /// <summary>Reads that failed, ever: for those whose reads FASTER may start on any thread.</summary>
    public int ReadFaults => Volatile.Read(ref _readFaults);

    /// <summary>What the last read that failed has met; null when none did since the last call.</summary>
    public Exception? TakeReadFault() => Interlocked.Exchange(ref _readFault, null);

    /// <summary>The last damage that a read has met, ever.</summary>
    public StoreDamagedException? Damage => Volatile.Read(ref _damage);

    /// <summary>Writes were given up: what lies on disk is not what FASTER believes.</summary>
    public bool IsIncomplete { get; private set; }

    /// <summary>FASTER recovers, and writes back pages that it has changed: after a read that failed nothing is written.</summary>
    public bool Recovers
    {
        get => _recovers;
        set => _recovers = value;
    }

    /// <summary>Writes that are not repeated, and not answered yet: they may still change the files.</summary>
    public bool IsWriting => Volatile.Read(ref _underWay) > 0;

    protected IDevice Files => files;

    public override void Initialize(long segmentSize, LightEpoch? epoch = null, bool omitSegmentIdFromFilename = false)
    {
        base.Initialize(segmentSize, epoch, omitSegmentIdFromFilename);
        files.Initialize(segmentSize, epoch, omitSegmentIdFromFilename);
    }

    public override bool Throttle() => files.Throttle();

    public override bool TryComplete() => files.TryComplete();

    public override long GetFileSize(int segment) => files.GetFileSize(segment);

    public override void WriteAsync(IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
    {
        if (_recoversBadly) callback(0, numBytesToWrite, context);
        else if (writeAgainAfter is not null) new Write(this, sourceAddress, segmentId, destinationAddress, numBytesToWrite, callback, context).Start();
        else
        {
            Interlocked.Increment(ref _underWay);
            files.WriteAsync(
                sourceAddress,
                segmentId,
                destinationAddress,
                numBytesToWrite,
                (error, bytes, _) =>
                {
                    Interlocked.Decrement(ref _underWay);
                    if (error != 0) failed?.Invoke(FaultOf("writing", numBytesToWrite, destinationAddress, segmentId, error));
                    callback(error, bytes, context);
                },
                context);
        }
    }

    public override void ReadAsync(int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context)
    {
        ReadScope? scope = ReadScope.Current;
        scope?.Begin();
        files.ReadAsync(
            segmentId,
            sourceAddress,
            destinationAddress,
            readLength,
            (error, bytes, _) =>
            {
                Blank(destinationAddress, error == 0 ? bytes : 0, readLength);
                Exception? fault = error != 0
                    ? FaultOf("reading", readLength, sourceAddress, segmentId, error)
                    : Inspect(segmentId, sourceAddress, destinationAddress, readLength);
                if (fault is not null)
                {
                    if (fault is StoreDamagedException damage) Volatile.Write(ref _damage, damage);
                    else Volatile.Write(ref _readFault, fault);
                    Interlocked.Increment(ref _readFaults);
                    scope?.Report(fault);
                    _recoversBadly |= _recovers && fault is not StoreDamagedException;
                }

                if (scope is null) callback(0, readLength, context);
                else scope.End(callback, readLength, context);
            },
            context);
    }

    public override void RemoveSegment(int segment) => files.RemoveSegment(segment);

    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result) => files.RemoveSegmentAsync(segment, callback, result);

    /// <summary>Lets writes that fail from now on pass for done, so that FASTER can end. Nothing it then believes to be on disk may count.</summary>
    public void GiveUp() => _givenUp = true;

    public override void Dispose() => files.Dispose();

    /// <summary>Whether what was read is what was written. Where it is not, it is blanked.</summary>
    /// <exception cref="IOException">That cannot be told now.</exception>
    protected virtual StoreDamagedException? FindDamage(int segment, long offset, Span<byte> bytes) => null;

    private unsafe Exception? Inspect(int segment, ulong offset, IntPtr buffer, uint length)
    {
        try
        {
            return FindDamage(segment, (long)offset, new Span<byte>((byte*)buffer, (int)length));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Blank(buffer, 0, length);
            return e;
        }
    }

    protected string NameOf(int segment) => GetSegmentFilename(FileName, segment);

    private IOException FaultOf(string operation, uint length, ulong address, int segment, uint error) => new($"{operation} {length} bytes at {address} of {NameOf(segment)} failed with error {error}");

    private static unsafe void Blank(IntPtr buffer, uint from, uint until)
    {
        if (from < until) new Span<byte>((byte*)buffer + from, (int)(until - from)).Clear();
    }

    /// <summary>One write until it has succeeded. FASTER leaves the page alone until it is answered.</summary>
    private sealed class Write(
        GuardedDevice device, IntPtr source, int segment, ulong address, uint length, DeviceIOCompletionCallback callback, object context)
    {
        private bool _hasFailed;
        private Timer? _again;

        public void Start() => device.Files.WriteAsync(source, segment, address, length, Written, context);

        private void Written(uint error, uint bytes, object _)
        {
            if (error == 0 || device._givenUp)
            {
                if (error != 0) device.IsIncomplete = true;
                if (_hasFailed) Interlocked.Decrement(ref device._failing);
                _again?.Dispose();
                callback(0, length, context);
                return;
            }

            Volatile.Write(ref device._writeFault, device.FaultOf("writing", length, address, segment, error));
            if (!_hasFailed) Interlocked.Increment(ref device._failing);
            _hasFailed = true;
            _again ??= new Timer(static write => ((Write)write!).Start(), this, Timeout.Infinite, Timeout.Infinite);
            _again.Change(device._writeAgainAfter, Timeout.InfiniteTimeSpan);
        }
    }
}
