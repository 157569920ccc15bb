using System.Buffers;
using System.Text;
using Automerge.Changes;
using Automerge.Sync;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>
/// A client as automerge-repo 2.5 with automerge 3.5.0 behaves, byte for byte where it matters: real CBOR, real sync messages.
/// What it says waits in <see cref="Outbox"/> until somebody carries it to the server; what the server says waits in its connection.
/// </summary>
internal sealed class TestPeer(string name, bool speaksV1Only = false, string? storageId = null, string? token = null, bool ignoresChanges = false)
{
    // legacy byte and flags: what automerge before 2.1 neither sends nor reads
    private const int FlagsSectionLength = 3;

    private readonly byte[] _frame = new byte[4096];
    private readonly SyncPlan _plan = new();
    private ulong _ephemeralCount;
    private int _actors;

    public string Name => name;

    public PeerId PeerId { get; set; } = PeerId.FromString(name);

    public string? StorageId => storageId;

    public string? Token => token;

    public bool SpeaksV1Only => speaksV1Only;

    /// <summary>Says so with its flag, and applies nothing it is sent.</summary>
    public bool IgnoresChanges => ignoresChanges;

    public Dictionary<DocumentId, PeerDocument> Documents { get; } = new(DocumentId.Comparer.Instance);

    /// <summary>Said, not yet carried.</summary>
    public Queue<byte[]> Outbox { get; } = new();

    /// <summary>Messages that were carried, and whose session waits for room.</summary>
    public List<Task> Waiting { get; } = [];

    /// <summary>Everything the server said on this connection that the peer has taken.</summary>
    public List<ServerMessage> Heard { get; } = [];

    public FakeConnection Connection { get; private set; } = new();

    public IPeerSession? Session { get; private set; }

    public string ServerId { get; private set; } = "";

    public bool IsConnected => Session is not null;

    public IEnumerable<ServerMessage> Errors => Heard.Where(m => m.Kind == MessageKind.Error);

    public int Unavailables => Heard.Count(m => m.Kind == MessageKind.DocUnavailable);

    public PeerDocument this[DocumentId id] => Documents[id];

    /// <summary>Opens a connection and says a stock hello; documents at hand are announced when the server has answered.</summary>
    public void Connect(ISyncEndpoint server, bool join = true)
    {
        Connection = new FakeConnection();
        ServerId = "";
        Heard.Clear();
        Outbox.Clear();
        Session = server.Accept(Connection, new ConnectionInfo { Path = "/", Authorization = token is null ? null : $"Bearer {token}" });
        if (join) Join();
    }

    public void Join() => Say(_frame.AsSpan(0, MessageWriter.WriteJoin(_frame, PeerId.Text, Encoding.UTF8.GetBytes(storageId ?? ""))));

    /// <summary>Leaves the connection as it is, unseen by the server: the peer comes back on another one.</summary>
    /// <returns>The session whose end the server has yet to notice.</returns>
    public IPeerSession Abandon()
    {
        IPeerSession abandoned = Session!;
        Connection.IsCut = true;
        Session = null;
        foreach (PeerDocument document in Documents.Values) document.State.Reconnect();
        return abandoned;
    }

    /// <summary>The network is gone, now. Whatever was under way is lost.</summary>
    public void Disconnect()
    {
        Connection.IsCut = true;
        Connection.Sent.Clear();
        Outbox.Clear();
        Session?.Disconnected();
        Session = null;
        foreach (PeerDocument document in Documents.Values) document.State.Reconnect();
    }

    /// <summary>Forgets what it knew of the server, or all it had.</summary>
    public void Lose(bool documents)
    {
        foreach (DocumentId id in Documents.Keys.ToArray())
        {
            if (documents) Documents[id] = NewDocument(id);
            else Documents[id].State = new SyncState { ReadOnly = ignoresChanges };
        }
    }

    /// <summary>Has the document open from now on: asks for it, or offers it.</summary>
    public PeerDocument Open(DocumentId id)
    {
        if (!Documents.TryGetValue(id, out PeerDocument? document)) Documents.Add(id, document = NewDocument(id));
        if (ServerId.Length > 0) Sync(document);
        return document;
    }

    public PeerDocument Open(DocumentId id, byte[] saved)
    {
        Documents.Add(id, NewDocument(id));
        Documents[id].Load(saved);
        return Open(id);
    }

    /// <summary>Changes the document and tells the server if it is there.</summary>
    public byte[] Edit(DocumentId id, string value = "value", int operations = 1)
    {
        PeerDocument document = Documents[id];
        byte[] chunk = document.Edit(value, operations);
        if (ServerId.Length > 0) Sync(document);
        return chunk;
    }

    /// <summary>Takes everything that has arrived.</summary>
    public void Listen()
    {
        while (Connection.Sent.TryDequeue(out byte[]? message)) Receive(message);
    }

    public ServerMessage Receive(byte[] bytes)
    {
        ServerMessage message = new(bytes);
        Heard.Add(message);
        switch (message.Kind)
        {
            case MessageKind.Peer:
                ServerId = message.SenderId;
                foreach (PeerDocument document in Documents.Values) Sync(document);
                break;
            case MessageKind.DocUnavailable:
                if (Find(message) is { } missing) missing.IsUnavailable = true;
                break;
            case MessageKind.Sync:
                if (Find(message) is { } found) Receive(found, message);
                break;
        }

        return message;
    }

    /// <summary>Says what there is to say about a document, if anything.</summary>
    public void Sync(PeerDocument document)
    {
        if (!IsConnected) return;
        SyncSession.Generate(document.Graph, document.Queue, document.State, SyncMode.Compatible, _plan);
        if (_plan.Kind == SyncPlanKind.Nothing) return;
        ArrayBufferWriter<byte> written = new();
        SyncSession.Write(_plan, document.Graph, written, document);
        SyncSession.Commit(_plan, document.Graph, document.State);
        ReadOnlySpan<byte> data = speaksV1Only ? written.WrittenSpan[..^FlagsSectionLength] : written.WrittenSpan;
        SaySync(document.Id, data, request: document.Graph.Count == 0 && document.State.SharedHeads.IsEmpty);
    }

    public void SaySync(DocumentId id, ReadOnlySpan<byte> data, bool request = false, string? from = null)
    {
        ReadOnlySpan<byte> sender = from is null ? PeerId.Text : Encoding.UTF8.GetBytes(from);
        int length = MessageWriter.WriteSyncEnvelope(_frame, sender, Encoding.UTF8.GetBytes(ServerId), id.Text, request, data.Length);
        Say([.. _frame.AsSpan(0, length), .. data]);
    }

    /// <summary>Sends change chunks as they are, whatever they are.</summary>
    public void SayChanges(DocumentId id, params ReadOnlySpan<byte[]> chunks)
    {
        ArrayBufferWriter<byte> output = new();
        SyncMessageWriter writer = new(output);
        writer.WriteVersion(SyncVersion.V2);
        writer.WriteHashes(Documents.TryGetValue(id, out PeerDocument? document) ? document.Graph.Heads : []);
        writer.WriteHashes([]);
        writer.WriteCount(0);
        writer.WriteCount(chunks.Length);
        foreach (byte[] chunk in chunks) writer.WriteEntry(chunk);
        writer.WriteFlags(SyncFlags.SupportsSyncReset);
        SaySync(id, output.WrittenSpan);
    }

    /// <summary>Says which heads it has and nothing else.</summary>
    public void SayHeads(DocumentId id) => SayChanges(id);

    public void SayUnavailable(DocumentId id) =>
        Say(_frame.AsSpan(0, MessageWriter.WriteDocUnavailable(_frame, PeerId.Text, Encoding.UTF8.GetBytes(ServerId), id.Text)));

    public void SayEphemeral(DocumentId id, ReadOnlySpan<byte> data, ulong? count = null, string session = "session", string? from = null)
    {
        ReadOnlySpan<byte> sender = from is null ? PeerId.Text : Encoding.UTF8.GetBytes(from);
        int length = MessageWriter.WriteEphemeralEnvelope(
            _frame, sender, Encoding.UTF8.GetBytes(ServerId), id.Text, count ?? ++_ephemeralCount, Encoding.UTF8.GetBytes(session), data.Length);
        Say([.. _frame.AsSpan(0, length), .. data]);
    }

    public void Say(ReadOnlySpan<byte> message) => Outbox.Enqueue(message.ToArray());

    private void Receive(PeerDocument document, ServerMessage message)
    {
        if (message.Heads.Length > 0) document.IsUnavailable = false;      // an empty one may follow doc-unavailable and settles nothing
        byte[] data = speaksV1Only ? message.Data[..^FlagsSectionLength] : message.Data;
        if (!SyncMessageReader.TryRead(data, out SyncMessageReader sync, out string? error)) throw new InvalidDataException(error);
        if (speaksV1Only && sync.Version != SyncVersion.V1) throw new InvalidDataException("a peer that knows only V1 was sent V2");
        ChangeHash[] before = document.Graph.Heads.ToArray();
        if (!document.IgnoresChanges)
        {
            foreach (ReadOnlySpan<byte> entry in sync.Changes) document.Apply(entry);
        }

        SyncSession.Receive(document.Graph, document.State, sync, before, document.IgnoresChanges, SyncMode.Compatible);
        Sync(document);
    }

    private PeerDocument? Find(ServerMessage message) =>
        DocumentId.TryParse(Encoding.UTF8.GetBytes(message.Document), out DocumentId id) ? Documents.GetValueOrDefault(id) : null;

    // Another actor each time: one that lost its data must not count from 1 again.
    private PeerDocument NewDocument(DocumentId id)
    {
        PeerDocument document = new(id, new ActorId(Encoding.UTF8.GetBytes($"{name}/{_actors++}")));
        document.State.ReadOnly = ignoresChanges;
        return document;
    }
}
