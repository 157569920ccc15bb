using System.Buffers;
using System.Text.Json;
using Automerge.Changes;
using Automerge.Sync;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Sync;

/// <summary>
/// Conversations recorded from automerge 3.5.0, played with both sides ours in Compatible mode: each side hears what was recorded and must say
/// what was recorded, byte for byte. Whole documents are compared by what they contain.
/// </summary>
public class SyncTranscriptVectorTests
{
    private static readonly string[] Sides = ["a", "b"];

    public static TheoryData<string> Documents => VectorFiles.Documents;

    public static TheoryData<string> Transcripts => VectorFiles.Transcripts;

    [Theory]
    [MemberData(nameof(Documents))]
    public void Generate_in_recorded_conversations_of_documents_says_the_same(string file)
    {
        foreach (JsonElement transcript in VectorFiles.ReadGenerated(file).GetProperty("syncs").EnumerateArray())
        {
            Replay($"{file} {transcript.GetProperty("name").GetString()}", transcript);
        }
    }

    [Theory]
    [MemberData(nameof(Transcripts))]
    public void Generate_in_recorded_transcripts_says_the_same(string file)
    {
        JsonElement transcript = VectorFiles.ReadGenerated(file);
        if (transcript.TryGetProperty("steps", out _)) ReplayHub(file, transcript);
        else Replay(file, transcript);
    }

    private static void Replay(string name, JsonElement transcript)
    {
        Side[] sides = [.. Sides.Select(side => new Side(transcript, side))];
        JsonElement messages = transcript.GetProperty("messages");
        int at = 0;
        while (true)
        {
            // Both speak before either hears: messages cross.
            byte[]?[] said = new byte[]?[2];
            for (int i = 0; i < 2; i++)
            {
                if (!sides[i].Generates()) continue;
                Assert.True(at < messages.GetArrayLength(), $"{name}: a message too many from {Sides[i]}");
                Assert.Equal(messages[at].GetProperty("from").GetString(), Sides[i]);
                byte[] recorded = Convert.FromHexString(messages[at].GetProperty("hex").GetString()!);
                sides[i].Says(recorded, $"{name} message {at} from {Sides[i]}");
                said[i] = recorded;
                at++;
            }

            if (said[0] is null && said[1] is null) break;
            for (int i = 0; i < 2; i++)
            {
                if (said[i] is { } message) sides[1 - i].Hears(message);
            }
        }

        Assert.Equal(messages.GetArrayLength(), at);
        if (!transcript.GetProperty("converged").GetBoolean()) return;
        foreach (Side side in sides) Assert.Equal(HashesOf(transcript.GetProperty("finalHeads")), side.Document.Graph.Heads.ToArray());
        if (!transcript.TryGetProperty("stateA", out JsonElement stateA)) return;
        Assert.Equal(stateA.GetString(), sides[0].EncodedState);
        Assert.Equal(transcript.GetProperty("stateB").GetString(), sides[1].EncodedState);
    }

    // Three clients that talk to a hub only. They talk until all are silent, then one or more edit.
    private static void ReplayHub(string name, JsonElement transcript)
    {
        JsonElement[] steps = [.. transcript.GetProperty("steps").EnumerateArray()];
        TestDocument hub = new();
        TestDocument[] clients = [new(), new(), new()];
        Side[] atClients = [.. clients.Select(client => new Side(client))];
        Side[] atHub = [.. clients.Select(_ => new Side(hub))];
        for (int at = 0; at < steps.Length;)
        {
            if (steps[at].TryGetProperty("edit", out JsonElement edit))
            {
                Assert.Equal(GraphVerdict.Added, clients[edit.GetInt32()].Add(steps[at].GetProperty("change").GetBytesFromBase64()));
                at++;
                continue;
            }

            for (bool any = true; any;)
            {
                any = false;
                for (int peer = 0; peer < 3; peer++)
                {
                    any |= Pass(atClients[peer], atHub[peer], "hub", peer, ref at);
                    any |= Pass(atHub[peer], atClients[peer], "client", peer, ref at);
                }
            }
        }

        foreach (TestDocument document in (TestDocument[])[hub, .. clients])
            Assert.Equal(HashesOf(transcript.GetProperty("finalHeads")), document.Graph.Heads.ToArray());

        bool Pass(Side from, Side to, string direction, int peer, ref int at)
        {
            if (!from.Generates()) return false;
            string what = $"{name} step {at}";
            Assert.True(at < steps.Length && steps[at].TryGetProperty("to", out _), what + ": a message too many");
            Assert.Equal((direction, peer), (steps[at].GetProperty("to").GetString(), steps[at].GetProperty("peer").GetInt32()));
            byte[] recorded = Convert.FromHexString(steps[at++].GetProperty("hex").GetString()!);
            from.Says(recorded, what);
            to.Hears(recorded);
            return true;
        }
    }

    private static ChangeHash[] HashesOf(JsonElement list) => [.. list.EnumerateArray().Select(hash => ChangeHash.Parse(hash.GetString()))];

    private sealed class Side
    {
        private readonly SyncPlan _plan = new();
        private readonly bool _hidesFlags;
        private readonly SyncState _state = new();

        public Side(TestDocument document) => Document = document;

        public Side(JsonElement transcript, string side)
            : this(new TestDocument())
        {
            foreach (JsonElement change in transcript.GetProperty("before").GetProperty(side).EnumerateArray())
                Assert.Equal(GraphVerdict.Added, Document.Add(change.GetBytesFromBase64()));
            _hidesFlags = transcript.TryGetProperty("v1Sides", out JsonElement v1) && v1.EnumerateArray().Any(name => name.GetString() == side);
            if (!transcript.TryGetProperty("startState" + side.ToUpperInvariant(), out JsonElement start)) return;
            Assert.True(SyncState.TryDecode(Convert.FromHexString(start.GetString()!), out SyncState? state));
            _state = state!;
        }

        public TestDocument Document { get; }

        public string EncodedState
        {
            get
            {
                ArrayBufferWriter<byte> output = new();
                _state.Encode(output);
                return Convert.ToHexStringLower(output.WrittenSpan);
            }
        }

        public bool Generates() =>
            SyncSession.Generate(Document.Graph, Document.Queue, _state, SyncMode.Compatible, _plan).Kind != SyncPlanKind.Nothing;

        public void Says(byte[] recorded, string what)
        {
            ArrayBufferWriter<byte> output = new();
            SyncSession.Write(_plan, Document.Graph, output, Document);
            ReadOnlySpan<byte> ours = output.WrittenSpan;
            if (_hidesFlags) ours = ours[..^3];
            if (!_plan.SendsDocument) Assert.True(ours.SequenceEqual(recorded), $"{what}: not the same bytes");
            else ComparePartByPart(ours, recorded, what);
            SyncSession.Commit(_plan, Document.Graph, _state);
        }

        public void Hears(byte[] recorded)
        {
            Assert.True(SyncMessageReader.TryRead(recorded, out SyncMessageReader message, out string? error), error);
            ChangeHash[] before = Document.Graph.Heads.ToArray();
            List<byte[]> chunks = TestDocument.Cut(message, out int documents);
            if (before.Length == 0 && documents > 0) foreach (byte[] chunk in chunks) Assert.Equal(GraphVerdict.Added, Document.Add(chunk));
            else Document.Apply(chunks);
            SyncSession.Receive(Document.Graph, _state, message, before, changesIgnored: false, SyncMode.Compatible);
        }

        private void ComparePartByPart(ReadOnlySpan<byte> ours, ReadOnlySpan<byte> recorded, string what)
        {
            Assert.True(SyncMessageReader.TryRead(ours, out SyncMessageReader mine, out string? error), error);
            Assert.True(SyncMessageReader.TryRead(recorded, out SyncMessageReader theirs, out error), error);
            Assert.Equal(theirs.Version, mine.Version);
            Assert.True(theirs.Heads.SequenceEqual(mine.Heads), what + ": heads");
            Assert.True(theirs.Need.SequenceEqual(mine.Need), what + ": need");
            Assert.Equal(theirs.HaveCount, mine.HaveCount);
            foreach (SyncMessageReader.HaveEntry expected in theirs.Have)
            {
                foreach (SyncMessageReader.HaveEntry actual in mine.Have)
                {
                    Assert.True(expected.LastSync.SequenceEqual(actual.LastSync), what + ": lastSync");
                    Assert.True(expected.EncodedBloom.SequenceEqual(actual.EncodedBloom), what + ": Bloom filter");
                }
            }

            Assert.Equal((theirs.HasFlags, theirs.Flags), (mine.HasFlags, mine.Flags));
            Assert.Equal(1, theirs.ChangeCount);
            List<byte[]> sent = TestDocument.Cut(theirs, out int documents);
            Assert.Equal(1, documents);
            Assert.Equal(Enumerable.Range(0, Document.Graph.Count).Select(row => Convert.ToHexStringLower(Document.ChunkAt(row))), sent.Select(Convert.ToHexStringLower));
        }
    }
}
