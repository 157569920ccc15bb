using Automerge.Changes;
using Automerge.Format;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Simulation.Tests.Plans;

namespace Ratatoskr.Simulation.Tests.Servers;

/// <summary>What is on disk of one document, and which changes that are.</summary>
internal sealed class StoredFile
{
    private const ulong Key = 0xD15C;

    private readonly List<TailEntry> _tail = [];
    private readonly List<(byte[] Key, byte[] State)> _syncStates = [];
    private HashSet<ChangeHash> _inSnapshot = [];
    private ulong _version;
    private ulong _lastSequence;

    public SnapshotBody Snapshot { get; private set; } = SnapshotBody.Empty;

    public IReadOnlyList<TailEntry> Tail => _tail;

    public StoredPresence Presence { get; private set; } = StoredPresence.Unknown;

    public ulong Version => _version;

    public ReadOnlyMemory<ChangeHash> Heads { get; private set; }

    /// <summary>Every change that is there, those too that nobody can read because others before them are not.</summary>
    public HashSet<ChangeHash> Changes { get; } = [];

    /// <summary>Those that the last snapshot has removed.</summary>
    public IReadOnlyList<ChangeHash> Lost { get; private set; } = [];

    /// <summary>What counts against a quota: the snapshot, and each change that is not in it once. What cannot be read does not count.</summary>
    public long CountedBytes(ChangeGraph readable)
    {
        long bytes = Snapshot.Chunk.Length;
        HashSet<ChangeHash> counted = [];
        foreach (TailEntry entry in _tail)
        {
            foreach ((ChangeHash hash, int length) in ChangesIn(entry.Chunks))
            {
                if (!_inSnapshot.Contains(hash) && readable.Contains(hash) && counted.Add(hash)) bytes += length;
            }
        }

        return bytes;
    }

    /// <summary>The change chunks of an append.</summary>
    public static List<(ChangeHash Hash, int Length)> ChangesIn(ReadOnlyMemory<byte> chunks)
    {
        List<(ChangeHash, int)> changes = [];
        ReadOnlySpan<byte> rest = chunks.Span;
        while (!rest.IsEmpty)
        {
            if (!ChunkReader.TryRead(rest, out Chunk chunk, out ChunkError error)) throw new PromiseBrokenException("storage", $"what is stored is no chunk: {error}");
            changes.Add((chunk.ComputeHash(), chunk.Length));
            rest = rest[chunk.Length..];
        }

        return changes;
    }

    public static HashSet<ChangeHash> ChangesIn(SnapshotBody body)
    {
        if (!ChangeGraph.TryRead(body.Index.Span, Key, out ChangeGraph? graph)) throw new PromiseBrokenException("storage", "a snapshot's index cannot be read");
        HashSet<ChangeHash> changes = new(graph!.Count);
        for (int row = 0; row < graph.Count; row++) changes.Add(graph.HashAt(row));
        return changes;
    }

    public StoredDocument ToStored() => Presence == StoredPresence.Unknown ? StoredDocument.Unknown : new(Presence, new SnapshotVersion(_version), Snapshot, [.. _tail]);

    /// <summary>What a reader finds who reads every byte.</summary>
    public PeerDocument Load(DocumentId id)
    {
        PeerDocument reader = new(id, default);
        reader.Apply(Snapshot.Chunk.Span);
        foreach (TailEntry entry in _tail) reader.Apply(entry.Chunks.Span);
        return reader;
    }

    public void Append(byte[] chunks, ReadOnlyMemory<ChangeHash> heads)
    {
        Presence = StoredPresence.Present;
        _tail.Add(new TailEntry(++_lastSequence, chunks));
        Heads = heads.ToArray();
        foreach ((ChangeHash hash, _) in ChangesIn(chunks)) Changes.Add(hash);
    }

    /// <returns>false: another snapshot is there.</returns>
    public bool Compact(SnapshotVersion read, SnapshotBody body, TailRange folded)
    {
        if (read.Value != _version) return false;
        Presence = StoredPresence.Present;
        _version++;
        Snapshot = new SnapshotBody(body.Chunk.ToArray(), body.Index.ToArray(), body.Heads.ToArray());
        _tail.RemoveAll(entry => entry.Sequence <= folded.LastSequence);
        Heads = Snapshot.Heads;
        _inSnapshot = ChangesIn(Snapshot);
        HashSet<ChangeHash> now = [.. _inSnapshot];
        foreach (TailEntry entry in _tail)
        {
            foreach ((ChangeHash hash, _) in ChangesIn(entry.Chunks)) now.Add(hash);
        }

        Lost = [.. Changes.Where(hash => !now.Contains(hash))];
        Changes.Clear();
        Changes.UnionWith(now);
        return true;
    }

    // Version and sequence survive: neither is ever used again.
    public void Delete()
    {
        Presence = StoredPresence.Tombstoned;
        _version++;
        Snapshot = SnapshotBody.Empty;
        _inSnapshot = [];
        _tail.Clear();
        _syncStates.Clear();
        Changes.Clear();
        Heads = default;
    }

    public ReadOnlyMemory<byte> SyncState(ReadOnlySpan<byte> storageId)
    {
        foreach ((byte[] key, byte[] state) in _syncStates)
        {
            if (storageId.SequenceEqual(key)) return state;
        }

        return default;
    }

    public void SaveSyncState(ReadOnlyMemory<byte> storageId, ReadOnlyMemory<byte> state)
    {
        if (Presence != StoredPresence.Present) return;
        _syncStates.RemoveAll(known => storageId.Span.SequenceEqual(known.Key));
        _syncStates.Add((storageId.ToArray(), state.ToArray()));
    }
}
