using FASTER.core;
using Ratatoskr.Storage.Faster.Devices;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>
/// Where FASTER keeps its checkpoints: one folder each, named by its token, with the hash index and what FASTER says of index and log.
/// <code>
/// checkpoints/
///   0f6c…/index.0    the hash index
///   0f6c…/index      metadata of the index
///   0f6c…/log        metadata of the log: where it began and ended, and at which version
/// </code>
/// Ours instead of FASTER's: metadata are synced files that appear whole, with durable names.
/// </summary>
/// <remarks>Called by whichever thread advances the checkpoint.</remarks>
internal sealed class CheckpointFiles(IStoreFiles files, string folder, TimeSpan writeAgainAfter) : ICheckpointManager
{
    private const string Index = "index";
    private const string Log = "log";

    private GuardedDevice? _index;            // of the checkpoint that is being taken or read, or was last
    private volatile bool _givenUp;
    private Exception? _fault;

    /// <summary>Why the index cannot be written now.</summary>
    public Exception? WriteFault => Volatile.Read(ref _index)?.WriteFault;

    /// <summary>Why the index could not be read.</summary>
    public Exception? TakeReadFault() => Volatile.Read(ref _index)?.TakeReadFault();

    /// <summary>What cannot be written now is not tried again.</summary>
    public void GiveUp()
    {
        _givenUp = true;
        Volatile.Read(ref _index)?.GiveUp();
    }

    /// <summary>A checkpoint begins: what the last one has met is forgotten.</summary>
    public void Begin() => Volatile.Write(ref _fault, null);

    /// <summary>Why what was written since is not a checkpoint.</summary>
    public Exception? Fault => Volatile.Read(ref _fault) ?? (Volatile.Read(ref _index) is { IsIncomplete: true } ? new IOException("the index could not be written") : null);

    public void InitializeIndexCheckpoint(Guid indexToken) => Try(() => files.CreateDirectory(PathOf(indexToken)));

    public void InitializeLogCheckpoint(Guid logToken) => Try(() => files.CreateDirectory(PathOf(logToken)));

    public void CommitIndexCheckpoint(Guid indexToken, byte[] commitMetadata) => Try(() => SealedFile.Write(files, Path.Combine(PathOf(indexToken), Index), commitMetadata));

    /// <summary>Where the table ends in the checkpoint whose log was committed last.</summary>
    public long TableTail { get; private set; }

    /// <summary>Length and checksum of a checkpoint's hash index, as it is on disk.</summary>
    public (long Length, uint Sum) SumIndex(Guid token)
    {
        using IStoreFile file = files.Open(Path.Combine(PathOf(token), Index + ".0"), create: false);
        byte[] buffer = new byte[64 << 10];
        long length = 0;
        uint state = uint.MaxValue;
        for (int count; (count = file.Read(buffer, length)) > 0; length += count) state = Crc32C.Append(state, buffer.AsSpan(0, count));
        return (length, ~state);
    }

    public void CommitLogCheckpoint(Guid logToken, byte[] commitMetadata)
    {
        using StreamReader reader = new(new MemoryStream(commitMetadata));
        HybridLogRecoveryInfo info = default;
        info.Initialize(reader);
        TableTail = info.finalLogicalAddress;
        WriteLog(logToken, commitMetadata);
    }

    private void WriteLog(Guid logToken, byte[] commitMetadata) => Try(() => SealedFile.Write(files, Path.Combine(PathOf(logToken), Log), commitMetadata));

    public byte[] GetIndexCheckpointMetadata(Guid indexToken) => SealedFile.Read(files, Path.Combine(PathOf(indexToken), Index));

    public byte[] GetLogCheckpointMetadata(Guid logToken, DeltaLog deltaLog, bool scanDelta, long recoverTo) => SealedFile.Read(files, Path.Combine(PathOf(logToken), Log));

    public IDevice GetIndexDevice(Guid indexToken)
    {
        string path = Path.Combine(PathOf(indexToken), Index);
        GuardedDevice device = new(path, files.OpenDevice(path), writeAgainAfter);
        if (_givenUp || _fault is not null) device.GiveUp();
        Volatile.Write(ref _index, device);
        return device;
    }

    public IEnumerable<Guid> GetIndexCheckpointTokens() => Tokens();

    public IEnumerable<Guid> GetLogCheckpointTokens() => Tokens();

    public void Purge(Guid token) => files.DeleteDirectory(PathOf(token));

    public void PurgeAll()
    {
        foreach (Guid token in Tokens()) Purge(token);
    }

    /// <summary>The store decides what counts, by its checkpoint record.</summary>
    public void OnRecovery(Guid indexToken, Guid logToken)
    {
    }

    public void CheckpointVersionShift(long oldVersion, long newVersion)
    {
    }

    // Of snapshot and incremental checkpoints, which are not taken: FASTER asks for the devices all the same.
    public IDevice GetSnapshotLogDevice(Guid token) => new NullDevice();

    public IDevice GetSnapshotObjectLogDevice(Guid token) => new NullDevice();

    public IDevice GetDeltaLogDevice(Guid token) => new NullDevice();

    public void CommitLogIncrementalCheckpoint(Guid logToken, long version, byte[] commitMetadata, DeltaLog deltaLog) =>
        throw new NotSupportedException("incremental checkpoints are not taken");

    public void Dispose()
    {
    }

    // FASTER calls from within its state machine, on whichever thread turns it, the writer's in the midst of an upsert too: that must go on.
    private void Try(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Volatile.Write(ref _fault, e);
        }
    }

    private string PathOf(Guid token) => Path.Combine(folder, token.ToString("D"));

    private List<Guid> Tokens()
    {
        List<Guid> tokens = [];
        foreach (string path in files.DirectoriesIn(folder))
        {
            if (Guid.TryParseExact(Path.GetFileName(path), "D", out Guid token)) tokens.Add(token);
        }

        return tokens;
    }
}
