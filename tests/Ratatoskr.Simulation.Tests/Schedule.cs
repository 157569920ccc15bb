using Automerge.Changes;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Simulation.Tests;

/// <summary>
/// One seeded life of a server and its peers, in one thread. First everything goes wrong that can; then the faults end, and it must come to rest
/// with everybody in step, nobody waiting, and everything on disk that was ever confirmed.
/// </summary>
internal sealed class Schedule
{
    private const int QuietRoundsMax = 400;

    // A shard's share: more than the links of three peers take (9 × 1.4 KB), less than two documents with some large changes.
    private const int TightBudgetBytes = 15_000;
    private const int LinksOfOnePeerBytes = 4_500;

    private readonly Random _random;
    private readonly InMemoryChunkStore _disk = new(manualCommit: true);
    private readonly Audit _audit;
    private readonly EngineLimits _limits = new();
    private readonly int _shards;
    private readonly bool _isTight;
    private readonly bool _isSlowToDecide;
    private readonly DocumentId[] _documents;
    private readonly List<TestPeer> _peers = [];
    private readonly HashSet<TestPeer> _readers = [];
    private readonly HashSet<ChangeHash> _poison = [];
    private TestPeer? _poisoner;
    private readonly Dictionary<(TestPeer Peer, DocumentId Document), Permission> _permissions = [];
    private readonly HashSet<(TestPeer Peer, DocumentId Document)> _forbidden = [];        // what may not be read, and all have heard of it
    private readonly HashSet<ChangeHash> _readersChanges = [];
    private readonly List<IPeerSession> _abandoned = [];
    private readonly Action<string>? _trace;
    private TestServer _server;
    private SimulatedStore _store;
    private readonly int _heldBefore = SharedBuffer.Held;
    private int _edits;
    private bool _crashed;

    public Schedule(int seed, Action<string>? trace = null)
    {
        _random = new Random(seed);
        _trace = trace;
        _audit = new Audit(_disk);
        _documents = [.. Enumerable.Range(0, _random.Next(1, 4)).Select(i => TestServer.Document($"{i} is a document"))];
        _shards = _random.Next(1, 3);
        _isTight = _random.Next(3) == 0;
        _isSlowToDecide = _random.Next(2) == 0;
        bool isPoisoned = _random.Next(3) == 0;
        if (_isTight) _limits = _limits with { MemoryBudgetBytes = _shards * (TightBudgetBytes + (isPoisoned ? LinksOfOnePeerBytes : 0)) };
        if (_random.Next(4) == 0) _limits = _limits with { InlineChangesBytesMax = 0 };
        if (_random.Next(2) == 0)
        {
            // Tails are folded all the time, and op sets leave memory soon.
            _limits = _limits with
            {
                TailChangesMax = _random.Next(1, 20),
                TailBytesMin = 1_000,
                QuietBeforeCompactionMs = _random.Next(1, 2_000),
                CompactionRetryMs = 100,
                RecentBytesMax = _random.Next(3) == 0 ? 0 : 2_000,
                IdleOperationsMs = _random.Next(1, 5_000),
            };
        }

        (_server, _store) = Start();
        int peers = _random.Next(2, _isTight ? 4 : 7);
        for (int i = 0; i < peers; i++) AddPeer(i);
        if (isPoisoned) AddPoisoner();
    }

    public int Confirmations => _audit.Confirmations;

    public int Reloads { get; private set; }

    public int Compactions { get; private set; }

    public int Poisoned => _poison.Count;

    /// <summary>Changes of access on connections that were open, and credentials revoked.</summary>
    public int AccessChanges { get; private set; }

    /// <summary>Changes that peers sent who never might.</summary>
    public int ForbiddenChanges => _readersChanges.Count;

    public void Run()
    {
        int steps = _random.Next(50, 400);
        for (int i = 0; i < steps; i++) Step();
        ComeToRest();
        CheckEnd();
        CheckLeaks();
        Count();
        _server.Dispose();
    }

    private void AddPeer(int number)
    {
        bool reader = _random.Next(7) == 0;
        TestPeer peer = new(
            $"peer{number}",
            speaksV1Only: _random.Next(5) == 0,
            storageId: _random.Next(2) == 0 ? $"store{number}" : null,
            token: $"peer{number}",
            ignoresChanges: !reader && _random.Next(10) == 0);
        _peers.Add(peer);
        if (reader) _readers.Add(peer);
        foreach (DocumentId id in _documents)
        {
            Allow(peer, id, Usual(peer));
            if (_random.Next(3) > 0) peer.Open(id);
            if (!reader && peer.Documents.ContainsKey(id) && _random.Next(4) == 0) Edit(peer, id, _random.Next(1, 4));
        }

        // Somebody may come with a document that another program has saved.
        if (!reader && _random.Next(4) == 0 && !peer.Documents.ContainsKey(_documents[0]))
        {
            byte[] saved = Vectors.Saved(_random.Next(2) == 0 ? 7 : 27);
            peer.Open(_documents[0], saved);
            _audit.Found(_documents[0], saved);
        }

        Trace($"{peer.Name}: {(peer.SpeaksV1Only ? "V1 " : "")}{(reader ? "reader " : "")}{(peer.IgnoresChanges ? "deaf " : "")}{peer.StorageId}");
    }

    // Has everything open, changes nothing that others should have, and sends what would break the documents.
    private void AddPoisoner()
    {
        _poisoner = new TestPeer("eve", token: "eve");
        _peers.Add(_poisoner);
        foreach (DocumentId id in _documents)
        {
            Allow(_poisoner, id, Usual(_poisoner));
            _poisoner.Open(id);
        }
    }

    private void Poison()
    {
        while (_poisoner!.Outbox.Count > 0 && _poisoner.IsConnected) ToServer(_poisoner);
        while (_poisoner.IsConnected && _poisoner.Connection.Sent.Count > 0) ToPeer(_poisoner);
        if (!_poisoner.IsConnected) return;
        DocumentId id = Pick(_documents);
        PeerDocument document = _poisoner[id];
        if (document.Graph.MaxOp == 0 || _poisoner.ServerId.Length == 0) return;
        byte[] poison = PeerDocument.MakePoison(document.Graph, new ActorId([0xEE, (byte)_poison.Count]), out ChangeHash hash);
        _poison.Add(hash);
        Trace($"eve poisons {id.ToString()[..4]} with {hash.ToString()[..6]}");
        _poisoner.SayChanges(id, poison);
    }

    private void Step()
    {
        if (_poisoner is not null && _random.Next(6) == 0)
        {
            if (_poisoner.IsConnected) Poison();
            else Join(_poisoner);
        }

        TestPeer peer = Pick(_peers);
        _server.Time.Advance(_random.Next(0, 20));
        if (_server.Access.Waiting > 0 && _random.Next(5) == 0) _server.Access.Answer(_random.Next(_server.Access.Waiting));
        if (_server.Access.Waiting > 0 && peer != _poisoner && _random.Next(8) == 0)
        {
            Allow(peer, Pick(_documents), Permission.None);    // while it is decided
            TestPeer other = Pick(_peers);
            Allow(other, Pick(_documents), Usual(other));
        }

        if (peer.IsConnected && _random.Next(200) == 0) Revoke(peer);
        switch (_random.Next(100))
        {
            case < 22:
                ToServer(peer);
                break;
            case < 44:
                ToPeer(peer);
                break;
            case < 60:
                if (_server.Scheduler.Count > 0) _server.Scheduler.RunOne(_random.Next(_server.Scheduler.Count));
                break;
            case < 68:
                Trace("commit");
                _disk.Commit();
                break;
            case < 70:
                _disk.Release(Pick(_documents));
                break;
            case < 74:
                if (_store.WaitingReads > 0) _store.CompleteRead(_random.Next(_store.WaitingReads));
                break;
            case < 83:
                if (peer.Documents.Count > 0 && peer != _poisoner) Edit(peer, Pick([.. peer.Documents.Keys]), _random.Next(1, 4));
                break;
            case < 85:
                if (!peer.Documents.ContainsKey(Pick(_documents))) peer.Open(Pick(_documents));
                break;
            case < 91:
                if (peer.IsConnected) Leave(peer);
                else Join(peer);
                break;
            case < 92:
                EndAbandoned();
                break;
            case < 95:
                SlowDownOrDrain(peer);
                break;
            case < 97:
                _server.Time.Advance(_random.Next(1, 3_000));
                break;
            case < 98 when _random.Next(2) == 0:
                Crash();
                break;
            case < 99:
                Allow(peer, Pick(_documents), Pick([Permission.None, Permission.Read, Usual(peer), Usual(peer)]));
                break;
            default:
                DocumentId id = Pick(_documents);
                if (peer.Documents.TryGetValue(id, out PeerDocument? document) && document.Graph.Count == 0) peer.SayUnavailable(id);
                else peer.SayEphemeral(id, [0x82, 1, 2]);
                break;
        }
    }

    private void Edit(TestPeer peer, DocumentId id, int count)
    {
        for (int i = 0; i < count; i++)
        {
            // A peer that may only read keeps its own edits to itself: they are nobody else's business.
            int size = _random.Next(_isTight ? 3 : 20) == 0 ? 3_000 : 10;
            byte[] change = peer.Edit(id, $"{_edits++}".PadRight(size, 'x'), operations: _random.Next(10) == 0 ? 0 : 1);
            _audit.Made(peer.Name, id, change);
            if (!_readers.Contains(peer)) continue;
            _readersChanges.Add(peer[id].Graph.HashAt(peer[id].Graph.Count - 1));
            if (peer.ServerId.Length > 0 && !peer.SpeaksV1Only && _random.Next(2) == 0) peer.SayChanges(id, change);      // whatever the server says
        }

        Trace($"{peer.Name} edits {id.ToString()[..4]} {count} times, now {peer[id].Graph.Heads[0].ToString()[..6]}");
    }

    private void ToServer(TestPeer peer)
    {
        if (!peer.IsConnected || !peer.Outbox.TryDequeue(out byte[]? message)) return;
        Trace($"{peer.Name} → {Describe(message)}");
        TestServer.Receive(peer, message);
        NoticeClosed(peer);
    }

    private void ToPeer(TestPeer peer)
    {
        if (!peer.IsConnected) return;
        if (peer.Connection.Sent.TryDequeue(out byte[]? message)) Trace($"{peer.Name} ← {peer.Receive(message)}");
        else NoticeClosed(peer);
    }

    private void NoticeClosed(TestPeer peer)
    {
        if (peer.Connection.ClosedWith is null || peer.Connection.Sent.Count > 0 || !peer.IsConnected) return;
        Trace($"{peer.Name} was closed: {peer.Connection.CloseReason}");
        peer.Disconnect();
    }

    private void Join(TestPeer peer)
    {
        if (_random.Next(4) == 0) Lose(peer, documents: _random.Next(4) == 0);
        if (peer == _poisoner) Lose(peer, documents: false);
        if (_random.Next(3) == 0) peer.PeerId = PeerId.FromString($"{peer.Name}#{_random.Next(1000)}");
        Trace($"{peer.Name} joins as {peer.PeerId}");
        peer.Connect(_server.Engine);
        peer.Connection.OnSend = message =>
        {
            _audit.Heard(peer.Name, message);
            CheckMayHear(peer, new ServerMessage(message));
        };
    }

    // Of a document that somebody may not read he hears that, and nothing else, from the moment on that the change is in force.
    private void CheckMayHear(TestPeer peer, ServerMessage message)
    {
        if (message.Kind is MessageKind.Error or MessageKind.DocUnavailable || message.Document.Length == 0) return;
        foreach (DocumentId id in _documents)
        {
            if (id.ToString() == message.Document && _forbidden.Contains((peer, id))) throw new PromiseBrokenException($"{peer.Name} may not read {message.Document[..4]} and hears: {message}");
        }
    }

    private void Revoke(TestPeer peer)
    {
        Trace($"{peer.Name} is revoked");
        AccessChanges++;
        IPeerSession session = peer.Session!;
        _ = _server.BeginBind(new ControlChange(ControlSubject.Revoked, default, peer.Name));
        if (session is { IsEstablished: true } && peer.ServerId.Length > 0 && peer.Connection.ClosedWith is null) throw new PromiseBrokenException($"{peer.Name} was revoked and is still connected");
    }

    private Permission Usual(TestPeer peer) => _readers.Contains(peer) ? Permission.Read : Permission.Read | Permission.Write;

    // Grants and revocations bind connections that are open.
    private void Allow(TestPeer peer, DocumentId id, Permission permission)
    {
        bool changes = _permissions.TryGetValue((peer, id), out Permission before) && before != permission;
        _permissions[(peer, id)] = permission;
        bool mayRead = (permission & Permission.Read) != 0;
        if (mayRead) _forbidden.Remove((peer, id));
        _server.Access.Set(peer.Name, id, permission);
        if (changes)
        {
            Trace($"{peer.Name} may {permission} {id.ToString()[..4]}");
            AccessChanges++;
            _ = _server.BeginBind(new ControlChange(ControlSubject.Access, id, ""));
        }

        if (!mayRead) _forbidden.Add((peer, id));
    }

    private void Lose(TestPeer peer, bool documents)
    {
        Trace($"{peer.Name} loses {(documents ? "everything" : "its sync states")}");
        peer.Lose(documents);
        if (documents) _audit.Lost(peer.Name);
    }

    private void Leave(TestPeer peer)
    {
        Trace($"{peer.Name} leaves");
        if (_random.Next(3) == 0) _abandoned.Add(peer.Abandon());
        else peer.Disconnect();
    }

    private void EndAbandoned()
    {
        foreach (IPeerSession session in _abandoned) session.Disconnected();
        _abandoned.Clear();
    }

    private void SlowDownOrDrain(TestPeer peer)
    {
        if (!peer.IsConnected) return;
        peer.Connection.IsWritable = !peer.Connection.IsWritable;
        Trace($"{peer.Name} {(peer.Connection.IsWritable ? "has drained" : "is slow")}");
        if (peer.Connection.IsWritable) peer.Session!.Drained();
    }

    // Kill -9: memory, connections and what was not committed are gone.
    private void Crash()
    {
        Trace("crash");
        _crashed = true;
        Count();
        _disk.Crash();
        _server.Scheduler.IsStopped = true;
        _server.Dispose();
        _abandoned.Clear();
        _audit.CheckConfirmed(_documents);
        (_server, _store) = Start();
        foreach (TestPeer peer in _peers)
        {
            foreach (DocumentId id in _documents) Allow(peer, id, _permissions[(peer, id)]);
            if (peer.IsConnected) peer.Abandon();
        }
    }

    private (TestServer Server, SimulatedStore Store) Start()
    {
        SimulatedStore store = new(_disk, _random);
        _disk.OnAppend = batch =>
        {
            AppendVerdict verdict = store.Verdict();
            Trace($"append of {batch.Chunks.Length} bytes to {batch.Id.ToString()[..4]}: {verdict}");
            return verdict;
        };
        TestServer server = new(_limits, shards: _shards, store: store, kept: _disk);
        if (_isSlowToDecide) server.Access.Delays = _random;
        return (server, store);
    }

    private void ComeToRest()
    {
        Trace("the faults end");
        _store.IsUnreliable = false;
        _server.Access.Delays = null;
        EndAbandoned();
        foreach ((TestPeer Peer, DocumentId Document) key in _permissions.Keys.ToArray()) Allow(key.Peer, key.Document, Usual(key.Peer));
        foreach (TestPeer peer in _peers)
        {
            if (!peer.IsConnected) Join(peer);
            if (!peer.Connection.IsWritable) SlowDownOrDrain(peer);
        }

        int quiet = 0;
        for (int round = 0; quiet < 3; round++)
        {
            if (round == QuietRoundsMax) throw new PromiseBrokenException("the peers and the server do not fall silent");
            if (CarryAll())
            {
                quiet = 0;
                continue;
            }

            // Nothing moves: whoever waits, waits for time.
            quiet++;
            _server.Time.Advance(quiet == 2 ? 300_000 : 15_000);
        }
    }

    // Whether anything moved.
    private bool CarryAll()
    {
        bool moved = _server.Scheduler.Count > 0 || _store.WaitingReads > 0 || _server.Access.Waiting > 0 || _disk.WaitingCount > 0;
        while (_store.WaitingReads > 0) _store.CompleteRead(0);
        while (_server.Access.Waiting > 0) _server.Access.Answer(0);
        foreach (DocumentId id in _documents) _disk.Release(id);
        _disk.Commit();
        _server.Scheduler.RunAll();
        foreach (TestPeer peer in _peers)
        {
            if (!peer.IsConnected)
            {
                Join(peer);
                moved = true;
            }

            moved |= peer.Outbox.Count > 0 || peer.Connection.Sent.Count > 0;
            while (peer.Outbox.Count > 0 && peer.IsConnected) ToServer(peer);
            while (peer.IsConnected && peer.Connection.Sent.Count > 0) ToPeer(peer);
            NoticeClosed(peer);
        }

        return moved;
    }

    private void CheckEnd()
    {
        _audit.CheckConfirmed(_documents);
        foreach (DocumentId id in _documents)
        {
            PeerDocument stored = StoredContent.Load(_disk, id);
            CheckOperations(id);
            if (_readersChanges.Any(hash => stored.Graph.Contains(hash))) throw new PromiseBrokenException($"document {id.ToString()[..4]}: a reader's change is stored");
            if (_poison.Any(hash => stored.Graph.Contains(hash))) throw new PromiseBrokenException($"document {id.ToString()[..4]}: poison is stored");
            foreach (TestPeer peer in _peers)
            {
                if (!peer.Documents.TryGetValue(id, out PeerDocument? own)) continue;
                string who = $"{peer.Name}, document {id.ToString()[..4]}";
                if (_poison.Any(hash => own.Graph.Contains(hash))) throw new PromiseBrokenException($"{who}: it was given poison");
                bool writes = !_readers.Contains(peer);
                if (writes && !Covers(stored, own)) throw new PromiseBrokenException($"{who}: the store lacks its changes");
                if (!peer.IgnoresChanges && !Covers(own, stored)) throw new PromiseBrokenException($"{who}: it lacks what is stored");
                if (own.Graph.Count == 0 && stored.Graph.Count == 0 && !own.IsUnavailable) throw new PromiseBrokenException($"{who}: it waits for an answer");
            }
        }
    }

    // What is stored can be read by one who checks all operations, and an op set in memory holds as much.
    private void CheckOperations(DocumentId id)
    {
        long rows = StoredContent.Operations(_disk, id).RowCount;
        if (_server.Engine.ContentOf(id)?.Operations is { } resident && resident.RowCount != rows)
        {
            throw new PromiseBrokenException($"document {id.ToString()[..4]}: the op set has {resident.RowCount} rows, and what is stored {rows}");
        }
    }

    private void Count()
    {
        Reloads += _store.Reloads;
        Compactions += _store.Compactions;
    }

    // When everybody has gone every buffer has been given back; what a killed process held is nobody's.
    private void CheckLeaks()
    {
        foreach (TestPeer peer in _peers) peer.Disconnect();
        _server.Scheduler.RunAll();
        if (!_crashed && SharedBuffer.Held != _heldBefore) throw new PromiseBrokenException($"{SharedBuffer.Held - _heldBefore} buffers were not given back");
    }

    private static bool Covers(PeerDocument larger, PeerDocument smaller)
    {
        foreach (ref readonly ChangeHash head in smaller.Graph.Heads)
        {
            if (!larger.Graph.Contains(head)) return false;
        }

        return true;
    }

    private static string Describe(byte[] message)
    {
        try
        {
            return new ServerMessage(message).ToString();
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
    }

    private T Pick<T>(IReadOnlyList<T> from) => from[_random.Next(from.Count)];

    private void Trace(string what) => _trace?.Invoke(what);
}
