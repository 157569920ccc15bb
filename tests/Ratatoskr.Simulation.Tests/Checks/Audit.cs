using System.Text;
using Automerge.Changes;
using Automerge.Format;
using Automerge.Sync;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Simulation.Tests.Peers;
using Ratatoskr.Simulation.Tests.Plans;
using Ratatoskr.Simulation.Tests.Servers;

namespace Ratatoskr.Simulation.Tests.Checks;

/// <summary>
/// Sees everything: each change that is made, each message at the moment the server sends it, each write at the moment it reaches the disk. And holds the server to its promises.
/// </summary>
internal sealed class Audit(SimulatedStore store, AccessAudit access)
{
    /// <summary>
    /// Whether what the store was already asked to keep when access was taken away may still reach the disk after the call that took it has returned.
    /// </summary>
    public const bool AppendsMayOutliveRevocation = false;

    private readonly Dictionary<DocumentId, History> _histories = new(DocumentId.Comparer.Instance);
    private readonly HashSet<ChangeHash> _poison = [];
    private readonly Dictionary<string, int> _revoked = [];

    /// <summary>Counts the steps, so that before and after can be told apart.</summary>
    public int Now { get; set; }

    public int Confirmations { get; private set; }

    public int Poisoned => _poison.Count;

    /// <summary>The first promise that was broken; null for none. Whoever is watched would not survive an exception.</summary>
    public PromiseBrokenException? Broken { get; private set; }

    public void Poison(in ChangeHash hash) => _poison.Add(hash);

    /// <summary>A credential was revoked, and the call has returned.</summary>
    public void CredentialRevoked(string credential) => _revoked[credential] = Now;

    /// <summary>Somebody has made changes.</summary>
    public void Made(DocumentId id, byte[] chunks, SimulatedPeer? author, string user) => Made(id, chunks, author, user, isKnownElsewhere: false);

    /// <summary>Somebody brings along what another program has saved, and others may have as well.</summary>
    public void Found(DocumentId id, byte[] chunks) => Made(id, chunks, null, "", isKnownElsewhere: true);
    /// <summary>A peer speaks on a connection that it has opened with another credential: what it has it may bring again.</summary>
    public void Speaks(SimulatedPeer peer)
    {
        foreach (History history in _histories.Values)
        {
            foreach (ChangeRecord record in history.OwnOf(peer)) record.Credential = peer.Credential;
        }
    }

    /// <summary>A peer has lost its data. What was confirmed to it stays confirmed; of the rest it is the author no more.</summary>
    public void Lost(SimulatedPeer peer)
    {
        foreach (History history in _histories.Values) history.OwnOf(peer).Clear();
    }

    /// <summary>The server says something to a peer.</summary>
    public void Sent(SimulatedPeer peer, byte[] bytes)
    {
        if (MessageReader.Read(bytes, out RepoMessage message, out string? why) != ReadOutcome.Message)
        {
            Break("protocol", $"the server sends what is no message: {why}");
            return;
        }

        if (message.Kind is not (MessageKind.Sync or MessageKind.Ephemeral or MessageKind.RemoteHeadsChanged or MessageKind.Request)) return;
        DocumentId id = DocumentId.FromTrusted(message.DocumentId.In(bytes));
        if (access.MustNotRead(peer.User, id)) Break("access", $"{peer.Name} may not read {id.ToString()[..4]} and hears: {new ServerMessage(bytes)}");
        if (message.Kind != MessageKind.RemoteHeadsChanged && peer.Connection!.WasFullBeforeTurn) Break("back-pressure", $"{peer.Name} cannot take anything at the moment, and is sent: {new ServerMessage(bytes)}");
        if (message.Kind == MessageKind.Ephemeral && message.Data.In(bytes).SequenceEqual(Lies.ForgedEphemeral))
            Break("identity", $"{peer.Name} hears what was said in a foreign name, of {Encoding.UTF8.GetString(message.SenderId.In(bytes))}");
        if (message.Kind == MessageKind.Sync) SyncSent(peer, id, message.Data.In(bytes));
    }

    /// <summary>The store was asked to keep something.</summary>
    public void Called(StoreCall call)
    {
        foreach (ChangeHash hash in call.Changes)
        {
            if (HistoryOf(call.Id).Changes.TryGetValue(hash, out ChangeRecord? record) && record.StoredFrom == 0) record.StoredFrom = Now;
        }
    }

    /// <summary>Something reaches the disk.</summary>
    public void Writing(StoreCall call)
    {
        History history = HistoryOf(call.Id);
        if (call.Kind == StoreCallKind.Delete)
        {
            history.Forget();
            return;
        }

        if (access.IsDeleted(call.Id)) Break("deletion", $"{call.Id.ToString()[..4]} is deleted, and gets {call}");
        foreach (ChangeHash hash in call.Changes)
        {
            if (call.File.Changes.Contains(hash)) continue;
            if (_poison.Contains(hash)) Break("validation", $"{hash.ToString()[..6]} is poison and is stored");
            else if (!history.Changes.TryGetValue(hash, out ChangeRecord? record)) Break("validation", $"{hash.ToString()[..6]} is stored, and nobody has made it");
            else CheckMayBeStored(record, call.Id);
        }
    }

    /// <summary>Something has reached the disk. What a snapshot leaves out was given up, and nobody was told that it is safe.</summary>
    public void Written(StoreCall call)
    {
        if (call.Kind != StoreCallKind.Compact || !call.HasChanged) return;
        foreach (ChangeHash hash in call.File.Lost)
        {
            if (HistoryOf(call.Id).Changes[hash].IsConfirmed) Break("durability", $"a snapshot replaces {hash.ToString()[..6]}, which was confirmed, and does not have it");
        }
    }

    /// <summary>Everything that was confirmed is on disk.</summary>
    public void CheckConfirmed()
    {
        foreach ((DocumentId id, History history) in _histories)
        {
            ChangeGraph stored = store[id].Load(id).Graph;
            foreach (ChangeRecord record in history.Changes.Values)
            {
                if (record.IsConfirmed && !stored.Contains(record.Hash))
                    Break("durability", $"{record.Hash.ToString()[..6]} was confirmed to {record.Author?.Name ?? "the API"} and cannot be read back");
            }
        }
    }

    /// <summary>The API was told that its change is stored.</summary>
    public void Confirmed(DocumentId id, in ChangeHash hash) => Confirm(id, HistoryOf(id).Changes[hash]);

    private void Break(string promise, string what) => Broken ??= new PromiseBrokenException(promise, what);

    // No edit of somebody who may not write any more is stored. What others have been shown they may bring, and a change that he offers under another credential is another offer.
    private void CheckMayBeStored(ChangeRecord record, DocumentId id)
    {
        if (record.IsKnownElsewhere) return;
        bool isUnderWay = AppendsMayOutliveRevocation && record.StoredFrom > 0;
        if (access.MustNotWrite(record.User, id) && !isUnderWay)
            Break("revocation", $"{record.Hash.ToString()[..6]} of {record.User} is stored in {id.ToString()[..4]}, where he may not write any more");
        if (record.Credential is { } credential && _revoked.ContainsKey(credential) && !isUnderWay)
            Break("revocation", $"{record.Hash.ToString()[..6]} is stored, and {credential} is revoked");
    }

    private void Made(DocumentId id, byte[] chunks, SimulatedPeer? author, string user, bool isKnownElsewhere)
    {
        History history = HistoryOf(id);
        int row = history.All.Graph.Count;
        history.All.Apply(chunks);
        for (; row < history.All.Graph.Count; row++)
        {
            ChangeRecord record = new(history.All.Graph.HashAt(row), row, author, user, author?.Credential) { IsKnownElsewhere = isKnownElsewhere };
            history.Changes.Add(record.Hash, record);
            if (author is not null) history.OwnOf(author).Add(record);
        }
    }

    private void SyncSent(SimulatedPeer peer, DocumentId id, ReadOnlySpan<byte> data)
    {
        History history = HistoryOf(id);
        if (!SyncMessageReader.TryRead(data, out SyncMessageReader sync, out string? error))
        {
            Break("protocol", $"the server sends a sync message that cannot be read: {error}");
            return;
        }

        foreach (ReadOnlySpan<byte> entry in sync.Changes) Shown(peer, history, entry);
        if (sync.Heads.IsEmpty) return;
        List<ChangeRecord> own = history.OwnOf(peer);
        for (int i = own.Count - 1; i >= 0; i--)
        {
            ChangeRecord record = own[i];
            if (record.IsConfirmed || !history.All.Graph.Covers(sync.Heads, record.Row)) continue;
            Confirm(id, record);
        }
    }

    private void Confirm(DocumentId id, ChangeRecord record)
    {
        if (!store[id].Changes.Contains(record.Hash)) Break("acknowledgement", $"{record.Hash.ToString()[..6]} is confirmed to {record.Author?.Name ?? "the API"} and is not on disk");
        ChangeGraph all = HistoryOf(id).All.Graph;
        foreach (int dep in all.DepsOf(record.Row))
        {
            if (!store[id].Changes.Contains(all.HashAt(dep))) Break("acknowledgement", $"{record.Hash.ToString()[..6]} is confirmed to {record.Author?.Name ?? "the API"}, and what it rests upon is not on disk");
        }

        record.IsConfirmed = true;
        Confirmations++;
    }

    private void Shown(SimulatedPeer peer, History history, ReadOnlySpan<byte> chunks)
    {
        while (ChunkReader.TryRead(chunks, out Chunk chunk, out _))
        {
            if (chunk.Type == ChunkType.Document)
            {
                foreach (ChangeRecord record in history.Changes.Values) record.IsKnownElsewhere = true;
            }
            else
            {
                ChangeHash hash = chunk.ComputeHash();
                if (_poison.Contains(hash)) Break("validation", $"{peer.Name} is given poison");
                else if (!history.Changes.TryGetValue(hash, out ChangeRecord? record)) Break("validation", $"{peer.Name} is sent {hash.ToString()[..6]}, and nobody has made it");
                else if (record.User != peer.User || record.Author is null) record.IsKnownElsewhere = true;
            }

            chunks = chunks[chunk.Length..];
        }
    }

    private History HistoryOf(DocumentId id)
    {
        if (!_histories.TryGetValue(id, out History? history)) _histories.Add(id, history = new History(id));
        return history;
    }

    /// <summary>Everything that was ever made of one document.</summary>
    private sealed class History(DocumentId id)
    {
        private readonly Dictionary<SimulatedPeer, List<ChangeRecord>> _own = [];

        public PeerDocument All { get; } = new(id, default);

        public Dictionary<ChangeHash, ChangeRecord> Changes { get; } = [];

        public List<ChangeRecord> OwnOf(SimulatedPeer peer)
        {
            if (!_own.TryGetValue(peer, out List<ChangeRecord>? own)) _own.Add(peer, own = []);
            return own;
        }

        /// <summary>The document was deleted: nothing that was promised about it counts any more.</summary>
        public void Forget()
        {
            foreach (ChangeRecord record in Changes.Values)
            {
                record.IsConfirmed = false;
                record.StoredFrom = 0;
            }
        }
    }
}
