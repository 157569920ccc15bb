using System.Buffers.Binary;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster.Tables;

namespace Ratatoskr.Storage.Faster.Reading;

/// <summary>
/// Reads documents from the table. All records but the manifest never change, so what one manifest names is the document at one instant;
/// when a part is gone because a compaction came in between, the manifest has changed too and the reading starts over.
/// </summary>
/// <remarks>Belongs to one reader thread.</remarks>
internal sealed class DocumentReader(DocumentTable table, string folder) : IDisposable
{
    // Reads under way at once: enough to keep a disk busy, and 64 parts of 1 MiB bound what FASTER buffers for them.
    private const int ReadsMax = 64;

    // With the same manifest, a record can be missed only while it is being moved; more than that is damage.
    private const int MissesMax = 3;

    private readonly TableSession _session = table.NewSession();
    private readonly RecordTarget _target = new();
    private readonly List<PendingRead> _pending = [];
    private readonly Stack<RecordTarget> _targets = new();

    public StoredDocument Load(DocumentId id)
    {
        Begin();
        EntryPosition seen = default;
        for (int misses = 0; misses < MissesMax;)
        {
            Manifest? manifest = ReadManifest(id);
            if (manifest is null || manifest.Presence == StoredPresence.Unknown) return StoredDocument.Unknown;
            SnapshotVersion version = new(manifest.Version);
            if (manifest.DamagedAt != 0) throw manifest.Damage(id, folder);
            if (manifest.Presence == StoredPresence.Tombstoned) return StoredDocument.Tombstoned with { Version = version };

            byte[] chunk = new byte[manifest.ChunkLength];
            byte[] index = new byte[manifest.IndexLength];
            TailEntry[] tail = new TailEntry[manifest.TailCount];
            if (ReadParts(id, RecordKind.Chunk, manifest.Body, 0, chunk, manifest.PartSize)
                && ReadParts(id, RecordKind.Index, manifest.Body, 0, index, manifest.PartSize)
                && ReadTail(id, manifest.FirstSequence, tail))
            {
                SnapshotBody body = manifest.Body == 0 ? SnapshotBody.Empty : new SnapshotBody(chunk, index, manifest.HeadsToArray());
                return new StoredDocument(StoredPresence.Present, version, body, tail);
            }

            misses = manifest.Applied == seen ? misses + 1 : 1;
            seen = manifest.Applied;
        }

        throw Damage(id, "a part is missing");
    }

    public void Peek(ReadOnlySpan<DocumentId> ids, Span<DocumentPeek> into)
    {
        Begin();
        for (int start = 0; start < ids.Length; start += ReadsMax)
        {
            ReadOnlySpan<DocumentId> some = ids.Slice(start, Math.Min(ReadsMax, ids.Length - start));
            foreach (DocumentId id in some) Start(RecordKind.Manifest, id, 0, 0, default);
            _session.CompleteReads();
            for (int i = 0; i < some.Length; i++)
            {
                RecordTarget target = _pending[i].Target;
                if (!target.Found) _session.Read(RecordKind.Manifest, some[i], 0, 0, target);
                Manifest? manifest = Parse(some[i], target);
                if (manifest is { DamagedAt: not 0 }) throw manifest.Damage(some[i], folder);
                into[start + i] = manifest is null ? new DocumentPeek(StoredPresence.Unknown, default) : new DocumentPeek(manifest.Presence, manifest.HeadsToArray());
            }

            Release();
        }
    }

    public byte[] LoadSyncState(DocumentId id, ReadOnlySpan<byte> storageId)
    {
        _target.Reset();
        _session.Read(RecordKind.SyncStates, id, 0, 0, _target);
        // Advisory: a damaged one is as good as none.
        return _target.Found && !_target.Damaged ? SyncStateList.Find(_target.Payload, storageId).ToArray() : [];
    }

    /// <summary>The manifest of a document and where it lies; null: there is none.</summary>
    public Manifest? ReadManifest(DocumentId id, out long address)
    {
        _target.Reset();
        _session.Read(RecordKind.Manifest, id, 0, 0, _target);
        address = _target.Address;
        return Parse(id, _target);
    }

    public void Dispose() => _session.Dispose();

    // What a call left behind that has failed is of another document.
    private void Begin()
    {
        _session.CompleteReads();
        Release();
    }

    private Manifest? ReadManifest(DocumentId id) => ReadManifest(id, out _);

    private Manifest? Parse(DocumentId id, RecordTarget target)
    {
        if (!target.Found) return null;
        Manifest manifest = new();
        if (target.Damaged || !manifest.TryRead(target.Payload)) throw Damage(id, "the manifest is damaged");
        return manifest;
    }

    // From part `first` on into `output`. false: one is not there.
    private bool ReadParts(DocumentId id, RecordKind kind, ulong number, int first, Memory<byte> output, int partSize)
    {
        int parts = output.IsEmpty ? 0 : Manifest.PartCount(output.Length, partSize);
        for (int start = 0; start < parts; start += ReadsMax)
        {
            int end = Math.Min(parts, start + ReadsMax);
            for (int part = start; part < end; part++)
            {
                int offset = part * partSize;
                Start(kind, id, number, first + part, output.Slice(offset, Math.Min(partSize, output.Length - offset)));
            }

            if (!Complete(id)) return false;
        }

        return true;
    }

    private bool ReadTail(DocumentId id, ulong firstSequence, TailEntry[] tail)
    {
        for (int start = 0; start < tail.Length; start += ReadsMax)
        {
            int end = Math.Min(tail.Length, start + ReadsMax);
            for (int i = start; i < end; i++) Start(RecordKind.Tail, id, firstSequence + (ulong)i, 0, default);
            if (!Complete(id, release: false)) return false;
            List<(int Index, byte[] Whole, int FirstPart, int PartSize)>? large = null;
            for (int i = start; i < end; i++)
            {
                ReadOnlySpan<byte> payload = _pending[i - start].Target.Payload;
                if (payload.Length < TableWriter.TailHeaderSize) throw Damage(id, $"tail entry {firstSequence + (ulong)i} is damaged");
                byte[] whole = new byte[BinaryPrimitives.ReadInt32LittleEndian(payload)];
                int partSize = BinaryPrimitives.ReadInt32LittleEndian(payload[4..]);
                payload[TableWriter.TailHeaderSize..].CopyTo(whole);
                tail[i] = new TailEntry(firstSequence + (ulong)i, whole);
                int firstPart = payload.Length - TableWriter.TailHeaderSize;
                if (firstPart < whole.Length) (large ??= []).Add((i, whole, firstPart, partSize));
            }

            Release();
            if (large is null) continue;
            foreach ((int i, byte[] whole, int firstPart, int partSize) in large)
            {
                if (!ReadParts(id, RecordKind.Tail, firstSequence + (ulong)i, 1, whole.AsMemory(firstPart), partSize)) return false;
            }
        }

        return true;
    }

    private void Start(RecordKind kind, DocumentId id, ulong number, int part, Memory<byte> into)
    {
        if (!_targets.TryPop(out RecordTarget? target)) target = new RecordTarget();
        target.Reset(into);
        _pending.Add(new PendingRead(kind, number, part, target));
        _session.StartRead(kind, id, number, part, target);
    }

    // false: one is not there.
    private bool Complete(DocumentId id, bool release = true)
    {
        _session.CompleteReads();
        bool all = true;
        foreach (PendingRead read in _pending)
        {
            if (!read.Target.Found) _session.Read(read.Kind, id, read.Number, read.Part, read.Target);
            all &= read.Target.Found;
        }

        foreach (PendingRead read in _pending)
        {
            if (!read.Target.Damaged) continue;
            string what = $"{read.Kind} {read.Number}, part {read.Part}, is damaged";
            Release();
            throw Damage(id, what);
        }

        if (release || !all) Release();
        return all;
    }

    private void Release()
    {
        foreach (PendingRead read in _pending)
        {
            read.Target.Reset();
            if (_targets.Count < ReadsMax && read.Target.CanBeKept) _targets.Push(read.Target);
        }

        _pending.Clear();
    }

    private StoreDamagedException Damage(DocumentId id, string what) => new($"document {id}: {what} ({folder})");

    private readonly record struct PendingRead(RecordKind Kind, ulong Number, int Part, RecordTarget Target);
}
