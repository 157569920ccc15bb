using FASTER.core;
using Ratatoskr.Storage.Faster.Folders;

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
internal sealed class CheckpointFiles(string folder) : ICheckpointManager
{
    private const string Index = "index";
    private const string Log = "log";

    public void InitializeIndexCheckpoint(Guid indexToken) => DurableFiles.CreateDirectory(PathOf(indexToken));

    public void InitializeLogCheckpoint(Guid logToken) => DurableFiles.CreateDirectory(PathOf(logToken));

    public void CommitIndexCheckpoint(Guid indexToken, byte[] commitMetadata) => DurableFiles.Replace(Path.Combine(PathOf(indexToken), Index), commitMetadata);

    public void CommitLogCheckpoint(Guid logToken, byte[] commitMetadata) => DurableFiles.Replace(Path.Combine(PathOf(logToken), Log), commitMetadata);

    public byte[] GetIndexCheckpointMetadata(Guid indexToken) => File.ReadAllBytes(Path.Combine(PathOf(indexToken), Index));

    public byte[] GetLogCheckpointMetadata(Guid logToken, DeltaLog deltaLog, bool scanDelta, long recoverTo) => File.ReadAllBytes(Path.Combine(PathOf(logToken), Log));

    public IDevice GetIndexDevice(Guid indexToken) => new ManagedLocalStorageDevice(Path.Combine(PathOf(indexToken), Index));

    public IEnumerable<Guid> GetIndexCheckpointTokens() => Tokens();

    public IEnumerable<Guid> GetLogCheckpointTokens() => Tokens();

    public void Purge(Guid token) => Directory.Delete(PathOf(token), recursive: true);

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

    private string PathOf(Guid token) => Path.Combine(folder, token.ToString("D"));

    private List<Guid> Tokens()
    {
        List<Guid> tokens = [];
        foreach (string path in Directory.EnumerateDirectories(folder))
        {
            if (Guid.TryParseExact(Path.GetFileName(path), "D", out Guid token)) tokens.Add(token);
        }

        return tokens;
    }
}
