using System.Text;
using Automerge.Changes;
using Automerge.Format;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Simulation.Tests;

/// <summary>
/// Knows every change that was ever made and by whom, and watches every message of the server: heads that cover a change of the peer they are sent to
/// promise that it is on disk, at the moment they are sent.
/// </summary>
internal sealed class Audit(InMemoryChunkStore disk)
{
    private readonly Dictionary<DocumentId, PeerDocument> _everything = new(DocumentId.Comparer.Instance);
    private readonly Dictionary<(string Peer, DocumentId Document), List<ChangeHash>> _unconfirmed = [];
    private readonly HashSet<(DocumentId Document, ChangeHash Change)> _confirmed = [];
    private readonly Dictionary<DocumentId, HashSet<ChangeHash>> _stored = new(DocumentId.Comparer.Instance);
    private StoreCursor _read;

    public int Confirmations => _confirmed.Count;

    /// <summary>Somebody has brought a document along that others may have as well.</summary>
    public void Found(DocumentId document, byte[] chunks) => Everything(document).Apply(chunks);

    /// <summary>A peer has lost its data. What was confirmed to it stays confirmed; of the rest it is the author no more.</summary>
    public void Lost(string peer)
    {
        foreach (((string Peer, DocumentId Document) key, List<ChangeHash> own) in _unconfirmed)
        {
            if (key.Peer == peer) own.Clear();
        }
    }

    /// <summary>A peer has made a change.</summary>
    public void Made(string peer, DocumentId document, byte[] chunks)
    {
        PeerDocument all = Everything(document);
        int before = all.Graph.Count;
        all.Apply(chunks);
        if (!_unconfirmed.TryGetValue((peer, document), out List<ChangeHash>? own)) _unconfirmed.Add((peer, document), own = []);
        for (int row = before; row < all.Graph.Count; row++) own.Add(all.Graph.HashAt(row));
    }

    /// <summary>The server says something to a peer.</summary>
    public void Heard(string peer, byte[] bytes)
    {
        ServerMessage message = new(bytes);
        if (message.Kind != MessageKind.Sync || message.Heads.Length == 0) return;
        DocumentId id = DocumentId.FromTrusted(Encoding.UTF8.GetBytes(message.Document));
        if (!_unconfirmed.TryGetValue((peer, id), out List<ChangeHash>? own) || own.Count == 0) return;
        ChangeGraph graph = Everything(id).Graph;
        for (int i = own.Count - 1; i >= 0; i--)
        {
            if (!graph.Covers(message.Heads, graph.Find(own[i]))) continue;
            if (!Stored(id).Contains(own[i])) throw new PromiseBrokenException($"{own[i].ToString()[..8]} of {peer} was confirmed to it and is not on disk");
            _confirmed.Add((id, own[i]));
            own.RemoveAt(i);
        }
    }

    /// <summary>Everything that was confirmed can be read back.</summary>
    public void CheckConfirmed(IEnumerable<DocumentId> documents)
    {
        foreach (DocumentId id in documents)
        {
            HashSet<ChangeHash> readable = StoredContent.Read(disk, id);
            foreach ((DocumentId document, ChangeHash change) in _confirmed)
            {
                if (document == id && !readable.Contains(change)) throw new PromiseBrokenException($"{change.ToString()[..8]} was confirmed to its author and cannot be read back");
            }
        }
    }

    private PeerDocument Everything(DocumentId id)
    {
        if (!_everything.TryGetValue(id, out PeerDocument? all)) _everything.Add(id, all = new PeerDocument(id, default));
        return all;
    }

    // What has been committed, followed from delta to delta: a compaction is read whole.
    private HashSet<ChangeHash> Stored(DocumentId id)
    {
        IAsyncEnumerator<StoreDelta> deltas = disk.ReadSinceAsync(_read, CancellationToken.None).GetAsyncEnumerator();
        while (deltas.MoveNextAsync().AsTask().GetAwaiter().GetResult())
        {
            StoreDelta delta = deltas.Current;
            _read = delta.Position;
            if (!_stored.TryGetValue(delta.Id, out HashSet<ChangeHash>? known)) _stored.Add(delta.Id, known = []);
            if (delta.Chunks.IsEmpty) known.UnionWith(StoredContent.Read(disk, delta.Id));
            ReadOnlySpan<byte> chunks = delta.Chunks.Span;
            while (ChunkReader.TryRead(chunks, out Chunk chunk, out _))
            {
                known.Add(chunk.ComputeHash());
                chunks = chunks[chunk.Length..];
            }
        }

        return _stored.TryGetValue(id, out HashSet<ChangeHash>? stored) ? stored : [];
    }
}

/// <summary>A promise of the server does not hold.</summary>
internal sealed class PromiseBrokenException(string what) : Exception(what);
