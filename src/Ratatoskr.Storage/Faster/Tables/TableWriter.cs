using System.Buffers.Binary;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>
/// The one that changes the document table: manifests in memory while a group is formed, records after its commit.
/// </summary>
/// <remarks>The writer thread's.</remarks>
internal sealed class TableWriter : IDisposable
{
    /// <summary>Before the first part of a tail entry: its whole length and the size of its parts.</summary>
    public const int TailHeaderSize = 8;

    private readonly TableSession _session;
    private readonly string _folder;
    private readonly ManifestCache _cache;
    private readonly Dictionary<DocumentId, Manifest> _changed = [];
    private readonly RecordTarget _target = new();

    public TableWriter(DocumentTable table, FasterStoreOptions options)
    {
        _session = table.NewSession();
        _folder = options.Folder;
        _cache = new ManifestCache(options.CachedManifests);
        PartSize = table.PartSize;
    }

    public int PartSize { get; }

    /// <summary>About what all documents take in the table; the rest of it is dead.</summary>
    public long LiveBytes { get; set; }

    /// <summary>A document's manifest, a new one if it is unknown.</summary>
    public Manifest Get(DocumentId id) =>
        TryGet(id, out Manifest manifest) ? manifest : throw new StoreDamagedException($"the manifest of document {id} is damaged ({_folder})");

    /// <summary>For who would add to the document.</summary>
    /// <exception cref="StoreDamagedException">It has lost something, or its manifest is damaged.</exception>
    public Manifest GetWhole(DocumentId id)
    {
        Manifest manifest = Get(id);
        return manifest.DamagedAt == 0 ? manifest : throw manifest.Damage(id, _folder);
    }

    /// <returns>false: it is damaged.</returns>
    public bool TryGet(DocumentId id, out Manifest manifest)
    {
        if (_cache.TryGet(id, out manifest)) return true;
        _session.Read(RecordKind.Manifest, id, 0, 0, _target);
        return Remember(id, _target, out manifest);
    }

    /// <summary>Reads the manifests that are not in memory, all at once. <paramref name="ids"/> may repeat; a damaged one is left for <see cref="Get"/> to report.</summary>
    public void Prefetch(List<DocumentId> ids)
    {
        Dictionary<DocumentId, RecordTarget>? missing = null;
        foreach (DocumentId id in ids)
        {
            if (_cache.TryGet(id, out _) || (missing?.ContainsKey(id) ?? false)) continue;
            RecordTarget target = new();
            (missing ??= []).Add(id, target);
            _session.StartRead(RecordKind.Manifest, id, 0, 0, target);
        }

        if (missing is null) return;
        _session.CompleteReads();
        foreach ((DocumentId id, RecordTarget target) in missing)
        {
            if (!target.Found || target.Damaged) continue;   // unknown, or trouble: Get looks again, and tells whom it concerns
            Remember(id, target, out _);
        }
    }

    /// <summary>To be called around every change of a manifest: <see cref="WriteManifests"/> writes it, <see cref="LiveBytes"/> follows.</summary>
    public void Changed(DocumentId id, Manifest manifest, long liveBefore)
    {
        LiveBytes += manifest.LiveBytes(id.Text.Length) - liveBefore;
        _changed[id] = manifest;
    }

    public void WriteTailPart(DocumentId id, ulong sequence, int part, int wholeLength, ReadOnlySpan<byte> bytes)
    {
        int header = part == 0 ? TailHeaderSize : 0;
        Span<byte> payload = _session.Payload(header + bytes.Length);
        if (part == 0)
        {
            BinaryPrimitives.WriteInt32LittleEndian(payload, wholeLength);
            BinaryPrimitives.WriteInt32LittleEndian(payload[4..], PartSize);
        }

        bytes.CopyTo(payload[header..]);
        _session.Upsert(RecordKind.Tail, id, sequence, part, payload.Length);
    }

    public void WriteBodyPart(DocumentId id, RecordKind section, ulong body, int part, ReadOnlySpan<byte> bytes) => _session.Upsert(section, id, body, part, bytes);

    /// <summary>Keeps a sync state of a document that is there.</summary>
    public void SaveSyncState(DocumentId id, ReadOnlySpan<byte> storageId, ReadOnlySpan<byte> state)
    {
        if (!TryGet(id, out Manifest manifest) || manifest.Presence != StoredPresence.Present) return;
        _session.Read(RecordKind.SyncStates, id, 0, 0, _target);
        ReadOnlySpan<byte> old = _target.Found && !_target.Damaged ? _target.Payload : default;
        Span<byte> payload = _session.Payload(old.Length + storageId.Length + state.Length + 8);
        int length = SyncStateList.Replace(old, storageId, state, payload);
        _session.Upsert(RecordKind.SyncStates, id, 0, 0, length);
    }

    public void DropSyncStates(DocumentId id) => _session.Upsert(RecordKind.SyncStates, id, 0, 0, ReadOnlySpan<byte>.Empty);

    /// <summary>Writes what changed; readers see the group from here on.</summary>
    public void WriteManifests()
    {
        foreach ((DocumentId id, Manifest manifest) in _changed) _session.WriteManifest(id, manifest);
        _changed.Clear();
        _cache.Age();
    }

    /// <summary>The group came to nothing: what is in memory is no longer what is in the table.</summary>
    public void Forget()
    {
        _changed.Clear();
        _cache.Clear();
    }

    /// <summary>Where the newest record of a key lies; 0: nowhere.</summary>
    public long AddressOf(RecordKind kind, DocumentId id)
    {
        _session.Read(kind, id, 0, 0, _target);
        return _target.Found ? _target.Address : 0;
    }

    public void Copy(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => _session.Copy(key, value);

    public void Dispose() => _session.Dispose();

    private bool Remember(DocumentId id, RecordTarget target, out Manifest manifest)
    {
        manifest = new Manifest();
        if (target.Found && (target.Damaged || !manifest.TryRead(target.Payload))) return false;
        _cache.Add(id, manifest);
        return true;
    }
}
