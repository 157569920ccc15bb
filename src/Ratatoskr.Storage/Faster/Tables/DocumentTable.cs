using FASTER.core;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster.Folders;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>
/// All documents as of the newest journal entry that was applied: a FasterKV over bytes. Only committed entries are applied, so readers see nothing that could be taken back.
/// </summary>
/// <remarks>The writer thread changes it; each thread reads through a <see cref="TableSession"/> of its own.</remarks>
internal sealed class DocumentTable : IDisposable
{
    private readonly TableDevice _device;
    private readonly CheckpointFiles _checkpoints;
    private readonly DataFolder _folder;
    private readonly FasterKV<SpanByte, SpanByte> _table;

    private DocumentTable(DataFolder folder, FasterStoreOptions options)
    {
        _folder = folder;
        _device = new TableDevice(folder.Files, Path.Combine(folder.Table, "table"), options.WriteAgainAfter);
        _checkpoints = new CheckpointFiles(folder.Files, folder.Checkpoints, options.WriteAgainAfter);
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
            table._device.Recovers = true;
            table._table.Recover(token, token);
            table.ThrowIfUnread();
            table._device.Recovers = false;
            table._device.RemoveBefore(table.BeginAddress, options.TableSegmentBytes);
            return table;
        }
        catch (Exception e)
        {
            table.Dispose();
            if (e is StoreUnavailableException) throw;
            table.ThrowIfUnread();
            if (e is IOException and not FileNotFoundException) throw StoreUnavailableException.For("opening", folder.Root, e.Message, e);
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
        _checkpoints.Begin();
        if (!_table.TryInitiateFullCheckpoint(out Guid token, CheckpointType.FoldOver)) return null;
        return (token, Task.Run(async () =>
        {
            await _table.CompleteCheckpointAsync();
            if (_device.IsIncomplete) throw new IOException("the table could not be written");
            if (_checkpoints.Fault is { } fault) throw fault;
            _folder.Files.SyncDirectory(_folder.Table);
            _folder.Files.SyncTree(_folder.Checkpoints);
        }));
    }

    /// <summary>Reads of the table's files that failed, ever: what a scan gave while it grew is not what is there.</summary>
    public int ReadFaults => _device.ReadFaults;

    /// <summary>Why the table's files cannot be written now; null when they can.</summary>
    public Exception? WriteFault => _device.WriteFault ?? _checkpoints.WriteFault;

    /// <summary>What cannot be written now never will be, and no checkpoint will count: for a store that closes.</summary>
    public void GiveUp()
    {
        _device.GiveUp();
        _checkpoints.GiveUp();
    }

    /// <summary>For a record that the disk does not give.</summary>
    public Exception Unreadable(RecordKind kind, DocumentId id, Exception fault) =>
        fault as StoreDamagedException ?? (Exception)StoreUnavailableException.For($"reading the {kind} of document {id}", _folder.Root, fault.Message, fault);

    /// <summary>Removes every checkpoint but one.</summary>
    public void RemoveCheckpointsExcept(Guid? token)
    {
        foreach (Guid other in _checkpoints.GetLogCheckpointTokens())
        {
            if (other != token) _checkpoints.Purge(other);
        }
    }

    /// <summary>Records before the address are no more; their files stay until <see cref="FreeSpace"/>.</summary>
    public void ShiftBegin(long address) => _table.Log.ShiftBeginAddress(address);

    /// <summary>Removes the files before the beginning of the checkpoint that was completed last. Only when it counts.</summary>
    public void FreeSpace() => _device.RemoveUnneeded();

    public IFasterScanIterator<SpanByte, SpanByte> Scan(long from, long until) => _table.Log.Scan(from, until, ScanBufferingMode.SinglePageBuffering);

    // FASTER takes what it gets: the index of a checkpoint that was not read is an empty one.
    private void ThrowIfUnread()
    {
        if ((_device.TakeReadFault() ?? _checkpoints.TakeReadFault()) is { } fault) throw StoreUnavailableException.For("opening", _folder.Root, fault.Message, fault);
    }

    public void Dispose()
    {
        _table.Dispose();
        _checkpoints.Dispose();
        _device.Dispose();
    }
}
