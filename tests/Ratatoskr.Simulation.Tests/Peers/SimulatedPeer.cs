using System.Buffers;
using System.Text;
using Automerge.Changes;
using Automerge.Sync;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;
using Ratatoskr.Simulation.Tests.Plans;

namespace Ratatoskr.Simulation.Tests.Peers;

/// <summary>
/// A client as automerge-repo behaves, over the same messages: real CBOR, real sync messages, its own sync session in the mode that does what automerge 3.5.0 does.
/// What it says waits until a step carries it to the server, and what the server says until a step lets it listen.
/// </summary>
internal sealed class SimulatedPeer(int number, string user, Habits habits)
{
    private const int WindowBytes = 256 << 10;
    private const int SlowWindowBytes = 300;
    private const int SaidMax = 8;

    // legacy byte and flags: what automerge before 2.1 neither sends nor reads
    private const int FlagsSectionLength = 3;

    private static readonly byte[] s_frame = new byte[4096];
    private static readonly SyncPlan s_plan = new();

    private readonly ArrayBufferWriter<byte> _data = new();
    private readonly List<byte[]> _said = [];
    private byte[] _serverId = [];
    private ulong _ephemeralCount;
    private int _credential;
    private int _actors;
    private Task? _receiving;

    public int Number => number;

    public string Name { get; } = $"peer{number}";

    /// <summary>Empty for nobody.</summary>
    public string User => user;

    public Habits Habits { get; set; } = habits;

    public bool IsHostile => (Habits & Habits.Hostile) != 0;

    public bool IsDeaf => (Habits & Habits.Deaf) != 0;

    public bool SpeaksV1Only => (Habits & Habits.OldProtocol) != 0;

    public string Credential => $"{user}/{number}.{_credential}";

    public Dictionary<DocumentId, PeerDocument> Documents { get; } = new(DocumentId.Comparer.Instance);

    /// <summary>Said, not yet carried.</summary>
    public Queue<byte[]> Outbox { get; } = new();

    public SimulatedConnection? Connection { get; private set; }

    public IPeerSession? Session { get; private set; }

    public bool IsConnected => Session is not null;

    public bool IsWelcome => _serverId.Length > 0;

    /// <summary>Has been there at some time.</summary>
    public bool HasTakenPart { get; private set; }

    public PeerId PeerId { get; private set; } = PeerId.FromString($"peer{number}");

    /// <summary>Another credential, after one was revoked.</summary>
    public void Renew() => _credential++;

    public void Connect(ISyncEndpoint server, Action<SimulatedPeer, byte[]> sending)
    {
        HasTakenPart = true;
        _serverId = [];
        _receiving = null;
        Outbox.Clear();
        bool authenticates = (Habits & Habits.Authenticates) != 0 && user.Length > 0;
        Connection = new SimulatedConnection((Habits & Habits.Slow) != 0 ? SlowWindowBytes : WindowBytes, message => sending(this, message));
        Session = server.Accept(Connection, new ConnectionInfo { Path = "/", Authorization = user.Length == 0 || authenticates ? null : $"Bearer {Credential}" });
        if (authenticates) Outbox.Enqueue(s_frame[..MessageWriter.WriteAuth(s_frame, Encoding.UTF8.GetBytes(Credential))]);
        byte[] storageId = (Habits & Habits.Persistent) != 0 ? Encoding.UTF8.GetBytes($"store{number}") : [];
        Outbox.Enqueue(s_frame[..MessageWriter.WriteJoin(s_frame, PeerId.Text, storageId)]);
    }

    /// <summary>Takes another name at the next connection.</summary>
    public void Rename(uint choice) => PeerId = PeerId.FromString($"peer{number}#{choice % 100}");

    /// <summary>The connection is gone on this side. Whatever was under way is lost.</summary>
    /// <returns>The session whose end the server has yet to notice: not before it has finished with what was said last.</returns>
    public (IPeerSession Session, Task Finished) Abandon()
    {
        (IPeerSession, Task) session = (Session!, _receiving ?? Task.CompletedTask);
        Connection!.IsCut = true;
        Session = null;
        Outbox.Clear();
        _serverId = [];
        foreach (PeerDocument document in Documents.Values) document.State.Reconnect();
        return session;
    }

    /// <summary>Forgets what it knew of the server, or all it had.</summary>
    public void Forget(bool documents)
    {
        foreach (DocumentId id in Documents.Keys.ToArray())
        {
            if (documents) Documents[id] = NewDocument(id);
            else Documents[id].State = new SyncState { ReadOnly = IsDeaf };
        }
    }

    /// <summary>Gives the server the next message, if it takes one now.</summary>
    /// <returns>What was said; null when nothing was.</returns>
    public byte[]? Say()
    {
        if (IsBusy() || Connection!.ClosedWith is not null || !Outbox.TryDequeue(out byte[]? message)) return null;
        if (_said.Count == SaidMax) _said.RemoveAt(0);
        _said.Add(message);
        try
        {
            ValueTask receiving = ReceiveAsync(Session!, Connection, message);
            if (!receiving.IsCompleted) _receiving = receiving.AsTask();
            else receiving.GetAwaiter().GetResult();
        }
        catch (ProtocolException e)
        {
            Connection.Close(e.CloseCode, e.Message);
        }

        return message;
    }

    // What Transport does with a message.
    private static async ValueTask ReceiveAsync(IPeerSession session, SimulatedConnection connection, byte[] message)
    {
        await session.ReceiveAsync(message);
        connection.Flush();
    }

    /// <summary>Whether it is not there, or the server has not finished with what it said last. If that has failed the connection is closed, as Transport does.</summary>
    public bool IsBusy()
    {
        if (!IsConnected) return true;
        if (_receiving is null) return false;
        if (!_receiving.IsCompleted) return true;
        if (_receiving.Exception?.InnerException is ProtocolException broken) Connection!.Close(broken.CloseCode, broken.Message);
        else if (_receiving.Exception is { } failed) Connection!.Close(CloseCode.InternalError, failed.Message);
        _receiving = null;
        return false;
    }

    /// <summary>Takes the next message of the server.</summary>
    /// <returns>It; null when there is none.</returns>
    public byte[]? Hear()
    {
        if (!IsConnected || !Connection!.TryTake(out byte[]? message, out bool drained)) return null;
        Receive(message!);
        if (drained) Session!.Drained();
        return message;
    }

    /// <summary>Has the document open from now on: asks for it, or offers it.</summary>
    public PeerDocument Open(DocumentId id)
    {
        if (!Documents.TryGetValue(id, out PeerDocument? document)) Documents.Add(id, document = NewDocument(id));
        Sync(document);
        return document;
    }

    public void Import(DocumentId id, byte[] saved)
    {
        Documents.Add(id, NewDocument(id));
        Documents[id].Load(saved);
        Open(id);
    }

    public byte[] Edit(DocumentId id, string value, int operations)
    {
        PeerDocument document = Documents[id];
        byte[] chunk = document.Edit(value, operations);
        Sync(document);
        return chunk;
    }

    /// <summary>Says an old message again.</summary>
    public bool Replay(uint choice)
    {
        if (!IsWelcome || _said.Count == 0) return false;
        Outbox.Enqueue(_said[(int)(choice % (uint)_said.Count)]);
        return true;
    }

    public void SayUnavailable(DocumentId id) =>
        Outbox.Enqueue(s_frame[..MessageWriter.WriteDocUnavailable(s_frame, PeerId.Text, _serverId, id.Text)]);

    public void SayEphemeral(DocumentId id, ReadOnlySpan<byte> data, ReadOnlySpan<byte> sender)
    {
        int length = MessageWriter.WriteEphemeralEnvelope(s_frame, sender.IsEmpty ? PeerId.Text : sender, _serverId, id.Text, ++_ephemeralCount, "session"u8, data.Length);
        Outbox.Enqueue([.. s_frame.AsSpan(0, length), .. data]);
    }

    public void Follow(ReadOnlySpan<StorageId> stores) =>
        Outbox.Enqueue(s_frame[..MessageWriter.WriteRemoteSubscriptionChange(s_frame, PeerId.Text, _serverId, stores, [])]);

    public void SaySync(DocumentId id, ReadOnlySpan<byte> data, bool request = false, ReadOnlySpan<byte> sender = default)
    {
        int length = MessageWriter.WriteSyncEnvelope(s_frame, sender.IsEmpty ? PeerId.Text : sender, _serverId, id.Text, request, data.Length);
        Outbox.Enqueue([.. s_frame.AsSpan(0, length), .. data]);
    }

    // Says what there is to say about a document, if anything.
    private void Sync(PeerDocument document)
    {
        if (!IsConnected || !IsWelcome) return;
        SyncSession.Generate(document.Graph, document.Queue, document.State, SyncMode.Compatible, s_plan);
        if (s_plan.Kind == SyncPlanKind.Nothing) return;
        _data.ResetWrittenCount();
        SyncSession.Write(s_plan, document.Graph, _data, document);
        SyncSession.Commit(s_plan, document.Graph, document.State);
        ReadOnlySpan<byte> data = SpeaksV1Only ? _data.WrittenSpan[..^FlagsSectionLength] : _data.WrittenSpan;
        SaySync(document.Id, data, request: document.Graph.Count == 0 && document.State.SharedHeads.IsEmpty);
    }

    private void Receive(byte[] bytes)
    {
        if (MessageReader.Read(bytes, out RepoMessage message, out string? why) != ReadOutcome.Message) throw new PromiseBrokenException("protocol", $"{Name} was sent what is no message: {why}");
        switch (message.Kind)
        {
            case MessageKind.Peer:
                _serverId = message.SenderId.In(bytes).ToArray();
                foreach (PeerDocument document in Documents.Values) Sync(document);
                break;
            case MessageKind.DocUnavailable:
                if (Find(bytes, message) is { } missing) missing.IsUnavailable = true;
                break;
            case MessageKind.Sync:
                if (Find(bytes, message) is { } found) Receive(found, message.Data.In(bytes));
                break;
        }
    }

    private void Receive(PeerDocument document, ReadOnlySpan<byte> data)
    {
        if (SpeaksV1Only && !IsHostile) data = data[..^FlagsSectionLength];
        if (!SyncMessageReader.TryRead(data, out SyncMessageReader sync, out string? error)) throw new PromiseBrokenException("protocol", $"{Name} cannot read a sync message: {error}");
        if (SpeaksV1Only && !IsHostile && sync.Version != SyncVersion.V1) throw new PromiseBrokenException("protocol", $"{Name} knows only V1 and was sent V2");
        if (!sync.Heads.IsEmpty) document.IsUnavailable = false;            // an empty one may follow doc-unavailable and settles nothing
        ChangeHash[] before = document.Graph.Heads.ToArray();
        if (!IsDeaf)
        {
            foreach (ReadOnlySpan<byte> entry in sync.Changes) document.Apply(entry);
        }

        SyncSession.Receive(document.Graph, document.State, sync, before, IsDeaf, SyncMode.Compatible);
        Sync(document);
    }

    private PeerDocument? Find(byte[] bytes, in RepoMessage message) => Documents.GetValueOrDefault(DocumentId.FromTrusted(message.DocumentId.In(bytes)));

    // Another actor each time: one that lost its data must not count from 1 again.
    private PeerDocument NewDocument(DocumentId id)
    {
        PeerDocument document = new(id, new ActorId([(byte)number, (byte)_actors++, (byte)id.Text[0]]));
        document.State.ReadOnly = IsDeaf;
        return document;
    }
}
