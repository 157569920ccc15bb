using System.Buffers;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Sync;
using Automerge.Tests.Fuzzing;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using SharedTests.Fuzzing;

namespace Ratatoskr.Fuzzing.Tests.Documents;

/// <summary>
/// Hostile changes against a document that the server has in memory and two others have open: refused, and then nothing has changed for anybody, in memory, on the wire or in the store;
/// or taken, and then the library says the same of it, everybody has it, and the document loads.
/// </summary>
public class LiveDocumentTargets
{
    private static readonly DocumentId Doc = TestServer.Document("live");

    private static readonly EngineLimits Limits = new()
    {
        Document = FuzzOracles.Limits,
        InflatedBytesMax = 2 << 20,
        InlineChangesBytesMax = 2 << 10,
        InlineOperationsMax = 64,
        TailChangesMax = 10,
        TailBytesMin = 2 << 10,
    };

    [Fact]
    public void Change_to_a_document_in_memory() => FuzzRun.Run(200, one =>
    {
        using World world = new(one);
        string? refused = null;
        for (int count = 1 + one.Random.Next(4); count > 0; count--) refused = world.Attack(one.OneIn(6) ? world.DocumentChunk() : world.Change());
        world.CheckHonestNext();
        return refused;
    });

    [Fact]
    public void Sync_message_to_a_document_in_memory() => FuzzRun.Run(200, one =>
    {
        using World world = new(one);
        string? refused = null;
        for (int count = 1 + one.Random.Next(4); count > 0; count--) refused = world.Attack(SyncMessageMutator.Make(one.Random, world.History, world.Known), isMessage: true);
        world.CheckHonestNext();
        return refused;
    });

    private sealed class World : IDisposable
    {
        // Two who keep what they are sent, and the store, which is in memory too.
        private const long DeclaredBytes = 3 * FuzzOracles.DeclaredBytes;

        private readonly FuzzCase _case;
        private readonly TestServer _server = new(Limits);
        private readonly TestPeer _alice;
        private readonly TestPeer _bob;
        private Document _mirror;

        public World(FuzzCase one)
        {
            _case = one;
            History = one.Pick(FuzzCorpus.Documents);
            Known = 1 + one.Random.Next(History.Changes.Count - 1);
            _alice = _server.Connect("alice", storageId: "alice-store");
            _alice.Open(Doc);
            int chunk = one.Random.Next(Known + 1);
            if (chunk > 0) _alice.SayChanges(Doc, History.Save(chunk));
            for (int i = chunk; i < Known; i++) _alice.SayChanges(Doc, History.Changes[i]);
            _server.Settle();
            _bob = _server.Connect("bob");
            _bob.Open(Doc);
            _server.Settle();
            _mirror = Document.Load(History.Save(Known), FuzzOracles.Self, FuzzOracles.Options);
            Assert.Equal(_mirror.Heads, Heads());
        }

        public FuzzDocument History { get; }

        public int Known { get; }

        public byte[] Change() => ChangeMutator.Mutate(_case.Random, History, Known);

        public byte[] DocumentChunk() => DocumentMutator.Mutate(_case.Random, History.Save(_case.Random.Next(History.Changes.Count + 1)), FuzzOracles.Limits);

        /// <summary>Sends it on a connection of its own: whoever was refused once is not heard again.</summary>
        /// <returns>Why it was refused; null when it was not.</returns>
        public string? Attack(byte[] bytes, bool isMessage = false)
        {
            _case.Input = bytes;
            List<ChangeHash> heads = Heads();
            int stored = _server.StoredChanges(Doc).Count, heardByAlice = _alice.Heard.Count, heardByBob = _bob.Heard.Count;
            TestPeer mallory = new("mallory");
            mallory.Connect(_server.Engine);
            while (mallory.Outbox.TryDequeue(out byte[]? hello)) TestServer.Receive(mallory, hello);
            mallory.SaySync(Doc, isMessage ? bytes : Message(bytes));
            byte[] frame = mallory.Outbox.Dequeue();
            _case.Call(frame.Length, DeclaredBytes, () =>
            {
                TestServer.Receive(mallory, frame);
                _server.Scheduler.RunAll();
            });
            string? refused = mallory.Connection.Sent.Select(sent => new ServerMessage(sent)).Where(sent => sent.Kind == MessageKind.Error).Select(sent => $"{sent.ErrorCode}: {sent.ErrorText}").FirstOrDefault();
            mallory.Disconnect();
            _server.Settle();
            List<ChangeHash> now = Heads();
            if (now.SequenceEqual(heads) && refused is not null)
            {
                Assert.Equal(stored, _server.StoredChanges(Doc).Count);
                Assert.Equal((heardByAlice, heardByBob), (_alice.Heard.Count, _bob.Heard.Count));
            }

            if (!isMessage) CheckMirror(bytes, refused);
            CheckEverybodyHas(now);
            if (!now.SequenceEqual(heads)) StoredContent.Operations(_server.Store, Doc);
            return refused ?? (now.SequenceEqual(heads) ? "nothing of it is new, or it waits" : null);
        }

        /// <summary>An honest writer goes on, unless the other has used up its number or all counters.</summary>
        public void CheckHonestNext()
        {
            byte[] honest = History.Changes[Known];
            ChangeVerifier.Verify(honest, ChangeLimits.Default, out ChangeHeader next);
            ChangeGraph graph = _alice[Doc].Graph;
            int actor = graph.FindActor(next.Actor);
            if (graph.Contains(next.Hash) || (actor >= 0 && graph.TipOf(actor) >= 0 && graph.SeqOf(graph.TipOf(actor)) >= next.Seq)) return;
            _alice.SayChanges(Doc, honest);
            _server.Settle();
            Assert.True(_server.StoredChanges(Doc).Contains(next.Hash), $"the honest next change {next.Hash} is refused: {string.Join(' ', _alice.Errors)}");
            CheckEverybodyHas(Heads());
        }

        public void Dispose()
        {
            _alice.Disconnect();
            _bob.Disconnect();
            _server.Scheduler.RunAll();
            _server.Tick((Limits.IdleDocumentMs / 1000) + 10);
            _server.Tick((Limits.IdleDocumentMs / 1000) + 10);
            foreach (Engine.Shards.Shard shard in _server.Engine.Shards) Assert.Equal((0, 0L, 0L, 0L), (shard.DocumentCount, shard.HeldBytes, shard.LinkBytes, shard.ContentBytes));
            _server.Dispose();
        }

        private static byte[] Message(byte[] chunks)
        {
            ArrayBufferWriter<byte> output = new();
            SyncMessageWriter writer = new(output);
            writer.WriteVersion(SyncVersion.V2);
            writer.WriteHashes([]);
            writer.WriteHashes([]);
            writer.WriteCount(0);
            writer.WriteCount(1);
            writer.WriteEntry(chunks);
            writer.WriteFlags(SyncFlags.SupportsSyncReset);
            return output.WrittenSpan.ToArray();
        }

        // The library is given the same, and has the same to say.
        private void CheckMirror(byte[] bytes, string? refused)
        {
            string? refusedByLibrary = null;
            try
            {
                AppliedChanges applied = _mirror.LoadIncremental(bytes);
                refusedByLibrary = applied.Refused;
            }
            catch (AutomergeFormatException e)
            {
                refusedByLibrary = e.Message;
            }

            // Of a whole document of which one change is refused the two may keep different good ones.
            if (refused is not null && refusedByLibrary is not null && FuzzOracles.DocumentLength(bytes) > 0 && bytes[ChunkReader.TypeOffset] == (byte)ChunkType.Document) _mirror = Again();
            Assert.True(_mirror.Heads.SequenceEqual(Heads()), $"the server says {refused ?? "yes"}, the library {refusedByLibrary ?? "yes"}");
        }

        private Document Again()
        {
            ArrayBufferWriter<byte> stored = new();
            StoredContent.Load(_server.Store, Doc).WriteDocument(stored);
            return Document.Load(stored.WrittenSpan, FuzzOracles.Self, FuzzOracles.Options);
        }

        private void CheckEverybodyHas(List<ChangeHash> heads)
        {
            Assert.Equal(heads, _alice[Doc].Graph.Heads.ToArray());
            Assert.Equal(heads, _bob[Doc].Graph.Heads.ToArray());
            foreach (TestPeer honest in (TestPeer[])[_alice, _bob])
            {
                Assert.Null(honest.Connection.ClosedWith);
                Assert.Empty(honest.Errors.Select(error => error.ErrorText));
            }
        }

        private List<ChangeHash> Heads() => [.. _server.Engine.ContentOf(Doc)!.Graph.Heads];
    }
}
