using FASTER.core;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster.Folders;
using Ratatoskr.Storage.Files;

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
        _device = new TableDevice(folder.Files, Path.Combine(folder.Table, "table"), folder.Sums, options.TableSegmentBytes, options.WriteAgainAfter);
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

    /// <summary>What was found damaged at the opening and had a substitute; null: nothing.</summary>
    public string? Mended { get; private set; }

    /// <summary>
    /// Recovers a checkpoint. A damaged hash index is made again from all of the table. Damaged sectors of the table cost nothing but the documents in them:
    /// what FASTER looks at in them to recover came after the checkpoint had begun, and the journal has all of it (but sync states, which are advisory).
    /// </summary>
    public static DocumentTable Open(DataFolder folder, FasterStoreOptions options, CheckpointRecord? checkpoint)
    {
        DocumentTable table = new(folder, options);
        if (checkpoint is null) return table;
        try
        {
            table._device.ContinueAt(checkpoint.Files);
            bool hasIndex = table._checkpoints.SumIndex(checkpoint.Token) == (checkpoint.Files.IndexLength, checkpoint.Files.IndexSum);
            table._device.Recovers = true;
            // Nothing needs to be undone: only what is committed ever comes to the table, and replay tells what is there already.
            table._table.Recover(hasIndex ? checkpoint.Token : default, checkpoint.Token, undoNextVersion: false);
            table.ThrowIfUnread();
            table._device.Recovers = false;
            if (!hasIndex && table._device.Damage is { } both) throw new StoreDamagedException($"the hash index is damaged, and so is what it could be made from: {both.Message}");
            if (!hasIndex) table.Mended = $"the hash index of checkpoint {checkpoint.Token} in {folder.Checkpoints} was damaged; it was made again from the table";
            // What is damaged lies blank in memory; read again it is noticed each time.
            if (table._device.Damage is not null) table._table.Log.FlushAndEvict(wait: true);
            table._device.RemoveBefore(table.BeginAddress);
            return table;
        }
        catch (Exception e)
        {
            table.Dispose();
            if (e is StoreUnavailableException or StoreDamagedException) throw;
            table.ThrowIfUnread();
            if (e is IOException and not FileNotFoundException) throw StoreUnavailableException.For("opening", folder.Root, e.Message, e);
            throw new StoreDamagedException($"checkpoint {checkpoint.Token} in {folder.Checkpoints} cannot be recovered: {e.Message}", e);
        }
    }

    public TableSession NewSession() => new(this);

    /// <summary>For a <see cref="TableSession"/>.</summary>
    public ClientSession<SpanByte, SpanByte, SpanByte, RecordTarget, int, TableFunctions> OpenSession() => _table.For(new TableFunctions()).NewSession<TableFunctions>();

    /// <summary>
    /// Begins a checkpoint of all that is in the table; the task ends when its data are on disk. To be called between two groups:
    /// what is applied while it runs may or may not be in it, which replay tells by the manifest.
    /// </summary>
    /// <returns>null: one is running.</returns>
    public (Guid Token, Task<CheckpointSums> Done)? BeginCheckpoint()
    {
        _checkpoints.Begin();
        if (!_table.TryInitiateFullCheckpoint(out Guid token, CheckpointType.FoldOver)) return null;
        return (token, Task.Run(async () =>
        {
            await _table.CompleteCheckpointAsync();
            if (_device.IsIncomplete) throw new IOException("the table could not be written");
            if (_checkpoints.Fault is { } fault) throw fault;
            long tail = _checkpoints.TableTail;
            _device.Sums.Save();
            byte[] tailSector = _device.ReadTailSector(BeginAddress, tail);
            (long indexLength, uint indexSum) = _checkpoints.SumIndex(token);
            _folder.Files.SyncDirectory(_folder.Table);
            _folder.Files.SyncDirectory(_folder.Sums);
            _folder.Files.SyncTree(_folder.Checkpoints);
            return new CheckpointSums(indexLength, indexSum, tail, tailSector);
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
        fault is StoreDamagedException ? new StoreDamagedException($"document {id}: {kind}: {fault.Message}", fault)
        : StoreUnavailableException.For($"reading the {kind} of document {id}", _folder.Root, fault.Message, fault);

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
