using FASTER.core;
using Ratatoskr.Storage.Faster.Folders;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>
/// All documents as of the newest journal entry that was applied: a FasterKV over bytes. Only committed entries are applied, so readers see nothing that could be taken back.
/// </summary>
/// <remarks>The writer thread changes it; each thread reads through a <see cref="TableSession"/> of its own.</remarks>
internal sealed class DocumentTable : IDisposable
{
    private readonly ManagedLocalStorageDevice _device;
    private readonly DeviceLogCommitCheckpointManager _checkpoints;
    private readonly DataFolder _folder;
    private readonly FasterKV<SpanByte, SpanByte> _table;

    private DocumentTable(DataFolder folder, FasterStoreOptions options)
    {
        _folder = folder;
        _device = new ManagedLocalStorageDevice(Path.Combine(folder.Table, "table"));
        _checkpoints = new DeviceLogCommitCheckpointManager(new LocalStorageNamedDeviceFactory(), new DefaultCheckpointNamingScheme(folder.Checkpoints), removeOutdated: false);
        _table = new FasterKV<SpanByte, SpanByte>(new FasterKVSettings<SpanByte, SpanByte>
        {
            LogDevice = _device,
            CheckpointManager = _checkpoints,
            EqualityComparer = new KeyComparer(folder.HashKey),
            IndexSize = 64L * options.IndexBuckets,
            PageSize = options.PageBytes,
            MemorySize = options.TableMemoryBytes,
            SegmentSize = options.TableSegmentBytes,
            RemoveOutdatedCheckpoints = false,     // ours to remove: only when the next one is durable with its names
            TryRecoverLatest = false,
        });
        PartSize = (options.PageBytes / 4) - 1024;
    }

    /// <summary>
    /// Payload of the parts that bodies and large appends are cut into: a quarter page less 1 KiB for key and header, so that four records fill a page.
    /// </summary>
    public int PartSize { get; }

    public long BeginAddress => _table.Log.BeginAddress;

    public long TailAddress => _table.Log.TailAddress;

    /// <summary>Below it records no longer change in place.</summary>
    public long ReadOnlyAddress => _table.Log.SafeReadOnlyAddress;

    public static DocumentTable Open(DataFolder folder, FasterStoreOptions options, Guid? checkpoint)
    {
        DocumentTable table = new(folder, options);
        if (checkpoint is not { } token) return table;
        try
        {
            table._table.Recover(token, token);
            return table;
        }
        catch (Exception e)
        {
            table.Dispose();
            throw new StoreDamagedException($"checkpoint {token} in {folder.Checkpoints} cannot be recovered: {e.Message}", e);
        }
    }

    public TableSession NewSession() => new(_table.For(new TableFunctions()).NewSession<TableFunctions>(), this);

    /// <summary>
    /// Begins a checkpoint of all that is in the table; the task ends when its data are on disk. To be called between two groups:
    /// what is applied while it runs may or may not be in it, which replay tells by the manifest.
    /// </summary>
    /// <returns>null: one is running.</returns>
    public (Guid Token, Task Done)? BeginCheckpoint()
    {
        if (!_table.TryInitiateFullCheckpoint(out Guid token, CheckpointType.FoldOver)) return null;
        return (token, Task.Run(async () =>
        {
            await _table.CompleteCheckpointAsync();
            DurableFiles.SyncDirectory(_folder.Table);
            DurableFiles.SyncTree(_folder.Checkpoints);
        }));
    }

    /// <summary>Removes every checkpoint but one.</summary>
    public void RemoveCheckpointsExcept(Guid? token)
    {
        foreach (string kind in Directory.EnumerateDirectories(_folder.Checkpoints))
        {
            foreach (string folder in Directory.EnumerateDirectories(kind))
            {
                if (token is null || Path.GetFileName(folder) != token.Value.ToString()) Directory.Delete(folder, recursive: true);
            }
        }
    }

    /// <summary>Records before the address are no more; their files stay until <see cref="FreeSpace"/>.</summary>
    public void ShiftBegin(long address) => _table.Log.ShiftBeginAddress(address);

    /// <summary>Removes the files before the beginning. Only when a durable checkpoint begins there too.</summary>
    public void FreeSpace() => _table.Log.Truncate();

    public IFasterScanIterator<SpanByte, SpanByte> Scan(long from, long until) => _table.Log.Scan(from, until, ScanBufferingMode.SinglePageBuffering);

    public void Dispose()
    {
        _table.Dispose();
        _checkpoints.Dispose();
        _device.Dispose();
    }
}
