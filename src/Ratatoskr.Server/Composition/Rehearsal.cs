using System.Text;
using System.Threading.Channels;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Sync;
using Automerge.Values;
using Microsoft.Extensions.Logging.Abstractions;
using Ratatoskr.Engine;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;
using Ratatoskr.Storage.Embedded;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Server.Composition;

/// <summary>
/// Plays what peers do to an engine of its own, over a store in memory, before the first of them comes: of the time to a first document after a restart three quarters
/// went into what the runtime does for code that has not run yet (docs/performance.md).
/// </summary>
internal sealed class Rehearsal
{
    private const int EditCount = 4;
    private const int TextLength = 2_000;
    private const int EnvelopeLengthMax = 1_024;

    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(2);
    private static readonly DocumentId s_id = DocumentId.FromPayload("rehearsal"u8);

    private readonly InMemoryChunkStore _store = new();
    private readonly CancellationToken _stop;

    private Rehearsal(CancellationToken stop) => _stop = stop;

    /// <summary>The start waits for it: one that hangs gives up.</summary>
    public static async Task PlayAsync(CancellationToken stop)
    {
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        end.CancelAfter(TimeMax);
        await new Rehearsal(end.Token).PlayAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Looks for a document that is hardly there: how FASTER reads is compiled for our records when it is first done, 55 methods. Only its manifest is read, and nobody waits long for it.
    /// </summary>
    public static async Task ReadAsync(IChunkStore store, CancellationToken stop) =>
        await store.PeekAsync(new[] { s_id }, new DocumentPeek[1], stop).AsTask().WaitAsync(TimeMax, stop).ConfigureAwait(false);

    private async Task PlayAsync()
    {
        Document written = new(ActorId.Parse("01"));
        await using (SyncEngine engine = NewEngine())
        {
            Peer writer = new(engine, "writer", written), reader = new(engine, "reader", new Document(ActorId.Parse("02")));
            Edit(written, TextLength);                             // comes as one whole document
            await writer.SyncAsync(written, _stop).ConfigureAwait(false);
            await reader.SyncAsync(written, _stop).ConfigureAwait(false);
            for (int i = 0; i < EditCount; i++)
            {
                Edit(written, 1);
                await writer.SyncAsync(written, _stop).ConfigureAwait(false);
                await reader.SyncAsync(written, _stop).ConfigureAwait(false);
            }

            writer.Leave();
            reader.Leave();
        }

        await using SyncEngine restarted = NewEngine();
        Peer late = new(restarted, "late", new Document(ActorId.Parse("03")));
        await late.SyncAsync(written, _stop).ConfigureAwait(false);
        late.Leave();
    }

    private static void Edit(Document document, int length)
    {
        using Transaction edit = document.Begin();
        ObjectId text = document.View.Get(ObjectId.Root, "text") is { } there ? there.AsObject() : edit.PutObject(ObjectId.Root, "text", ObjectKind.Text);
        edit.SpliceText(text, 0, 0, new string('.', length));
        edit.Commit();
    }

    private SyncEngine NewEngine()
    {
        EmbeddedControlLog control = new();
        return new SyncEngine(new SyncEngineOptions
        {
            Store = _store,
            Control = control,
            Feed = new SilentNodeFeed(),
            Authenticator = new OpenAuthenticator(),
            Access = new OpenAccessPolicy(control),
            Time = TimeProvider.System,
            Log = new EngineLog(NullLogger.Instance),
            StorageId = "rehearsal",
            HashKey = 0,
            Shards = 1,
        });
    }

    /// <summary>A client with one document, and its connection.</summary>
    private sealed class Peer : IPeerConnection
    {
        private readonly Channel<byte[]> _heard = Channel.CreateUnbounded<byte[]>();     // a few messages
        private readonly byte[] _envelope = new byte[EnvelopeLengthMax];
        private readonly byte[] _name;
        private readonly Document _document;
        private readonly SyncState _state = new();
        private readonly IPeerSession _session;
        private byte[]? _server;

        public Peer(SyncEngine engine, string name, Document document)
        {
            _name = Encoding.ASCII.GetBytes(name);
            _document = document;
            _session = engine.Accept(this, new ConnectionInfo { Path = "/" });
        }

        public long QueuedBytes => 0;

        public bool IsWritable => true;

        public void Send(ReadOnlySpan<byte> envelope, SharedBuffer? body) => _heard.Writer.TryWrite([.. envelope, .. body is null ? [] : body.Span]);

        public void Flush()
        {
        }

        public void Close(CloseCode code, string reason) => _heard.Writer.TryComplete();

        public void Leave() => _session.Disconnected();

        /// <summary>Talks until this side has what <paramref name="other"/> has, and the server has said that it has it too.</summary>
        public async Task SyncAsync(Document other, CancellationToken stop)
        {
            if (_server is null) await _session.ReceiveAsync(_envelope.AsMemory(0, MessageWriter.WriteJoin(_envelope, _name, default))).ConfigureAwait(false);
            else await SayAsync().ConfigureAwait(false);
            while (!_document.Heads.SequenceEqual(other.Heads) || !_state.SharedHeads.SequenceEqual([.. other.Heads]))
            {
                Take(await _heard.Reader.ReadAsync(stop).ConfigureAwait(false));
                await SayAsync().ConfigureAwait(false);
            }
        }

        private void Take(byte[] bytes)
        {
            if (MessageReader.Read(bytes, out RepoMessage message, out _) != ReadOutcome.Message) return;
            if (message.Kind == MessageKind.Peer) _server = message.SenderId.In(bytes).ToArray();
            if (message.Kind == MessageKind.Sync) _document.ReceiveSyncMessage(_state, message.Data.In(bytes));
        }

        private async ValueTask SayAsync()
        {
            if (_document.GenerateSyncMessage(_state) is not { } data) return;
            int length = MessageWriter.WriteSyncEnvelope(_envelope, _name, _server, s_id.Text, request: _document.Heads.Count == 0, data.Length);
            await _session.ReceiveAsync((byte[])[.. _envelope.AsSpan(0, length), .. data]).ConfigureAwait(false);
        }
    }
}
