using System.Buffers;
using Automerge.Changes;
using Automerge.Sync;

namespace Automerge.Tests.Sync;

/// <summary>
/// Two or three peers, some as servers and some as automerge 3.5.0, edit and talk in random order over links that break. When the links hold,
/// all must come to the same heads and then be silent.
/// </summary>
public class SyncScheduleTests
{
    // Automerge needs 6 messages from full to empty when they cross; three diverged peers in a ring some 20 each. A loop passes any bound.
    private const int MessagesMax = 120;

    public static TheoryData<int> Blocks => [.. Enumerable.Range(0, 10)];

    [Theory]
    [MemberData(nameof(Blocks))]
    public void Peers_in_any_order_with_broken_links_converge_and_fall_silent(int block)
    {
        for (int seed = block * 400; seed < (block + 1) * 400; seed++)
        {
            try
            {
                new Network(seed).Run();
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                throw new InvalidOperationException($"seed {seed}: {error.Message}", error);
            }
        }
    }

    private sealed class Network
    {
        private readonly Random _random;
        private readonly List<Peer> _peers = [];
        private readonly List<Link> _links = [];
        private readonly bool _losesData;

        public Network(int seed)
        {
            _random = new Random(seed);
            int count = 2 + _random.Next(2);
            for (int i = 0; i < count; i++)
                _peers.Add(new Peer(i, _random.Next(2) == 0 ? SyncMode.Server : SyncMode.Compatible, _random.Next(3) == 0));
            for (int i = 1; i < count; i++) _links.Add(new Link(_peers[0], _peers[i]));
            if (count == 3 && _random.Next(2) == 0) _links.Add(new Link(_peers[1], _peers[2]));
            _losesData = _random.Next(8) == 0;

            int shared = _random.Next(4) == 0 ? 0 : _random.Next(40);
            for (int i = 0; i < shared; i++) _peers[0].Edit(_random);
            foreach (Peer peer in _peers.Skip(1))
            {
                if (_random.Next(3) > 0) peer.CopyFrom(_peers[0].Document);
            }
        }

        public void Run()
        {
            int steps = _random.Next(10, 120);
            for (int i = 0; i < steps; i++) Step();
            foreach (Link link in _links)
            {
                if (_random.Next(2) == 0) link.Break(_random);
            }

            int messages = 0;
            for (bool any = true; any;)
            {
                any = false;
                foreach (Link link in _links)
                {
                    for (int side = 0; side < 2; side++) any |= link.Speak(side) | link.Deliver(side, ref messages);
                }

                Assert.True(messages <= MessagesMax * _links.Count, $"{messages} messages and no silence: {Describe()}");
            }

            foreach (Peer peer in _peers.Skip(1))
                Assert.True(peer.Document.Graph.Heads.SequenceEqual(_peers[0].Document.Graph.Heads), $"silent but different: {Describe()}");
        }

        private void Step()
        {
            int ignored = 0;
            Link link = _links[_random.Next(_links.Count)];
            switch (_random.Next(20))
            {
                case < 6:
                    _peers[_random.Next(_peers.Count)].Edit(_random);
                    break;
                case < 12:
                    link.Speak(_random.Next(2));
                    break;
                case < 19:
                    link.Deliver(_random.Next(2), ref ignored);
                    break;
                default:
                    if (_losesData && _random.Next(3) == 0)
                    {
                        Peer loser = _peers[_random.Next(_peers.Count)];
                        loser.LoseData();
                        foreach (Link broken in _links.Where(broken => broken.Joins(loser))) broken.Break(_random, loser);
                    }
                    else if (_random.Next(3) == 0)
                    {
                        link.RestartOneSide(_random.Next(2));
                    }
                    else
                    {
                        link.Break(_random);
                    }

                    break;
            }
        }

        private string Describe() =>
            string.Join(", ", _peers.Select(peer => $"{peer.Mode} {peer.Document.Graph.Count} rows {peer.Document.Graph.Heads.Length} heads {peer.Document.Queue.Count} queued"));
    }

    private sealed class Peer(int number, SyncMode mode, bool lacksBytes)
    {
        private int _actor;

        public SyncMode Mode => mode;

        public TestDocument Document { get; private set; } = new();

        // A server that has compacted: old rows only as part of the whole.
        public int RowsWithoutBytes => lacksBytes ? Document.Graph.Count / 2 : 0;

        public void Edit(Random random)
        {
            // Several writers on one machine; one does not always see the newest.
            if (random.Next(10) == 0) _actor++;
            Document.Edit([(byte)number, (byte)_actor, (byte)(_actor >> 8)]);
        }

        public void CopyFrom(TestDocument other)
        {
            for (int row = 0; row < other.Graph.Count; row++) Document.Add(other.ChunkAt(row).ToArray());
        }

        public void LoseData()
        {
            Document = new TestDocument();
            _actor += 256;                        // an actor that begins again must not reuse its numbers
        }
    }

    private sealed class Link(Peer left, Peer right)
    {
        private readonly Peer[] _peers = [left, right];
        private readonly SyncState[] _states = [new(), new()];
        private readonly Queue<byte[]>[] _toOther = [new(), new()];
        private readonly SyncPlan _plan = new();

        public bool Joins(Peer peer) => _peers.Contains(peer);

        public bool Speak(int side)
        {
            Peer peer = _peers[side];
            SyncState state = _states[side];
            SyncSession.Generate(peer.Document.Graph, peer.Document.Queue, state, peer.Mode, _plan, peer.RowsWithoutBytes);
            if (_plan.Kind == SyncPlanKind.Nothing) return false;

            // 3.5.0 repeats a reset at every call; its callers generate once for what they hear.
            if (_plan.Kind == SyncPlanKind.Reset && _toOther[side].Count > 0) return false;
            ArrayBufferWriter<byte> output = new();
            SyncSession.Write(_plan, peer.Document.Graph, output, peer.Document);
            SyncSession.Commit(_plan, peer.Document.Graph, state);
            _toOther[side].Enqueue(output.WrittenSpan.ToArray());
            return true;
        }

        public bool Deliver(int side, ref int messages)
        {
            if (!_toOther[side].TryDequeue(out byte[]? bytes)) return false;
            messages++;
            TestDocument document = _peers[1 - side].Document;
            Assert.True(SyncMessageReader.TryRead(bytes, out SyncMessageReader message, out string? error), error);
            ChangeHash[] before = document.Graph.Heads.ToArray();
            document.Apply(TestDocument.Cut(message));
            SyncSession.Receive(document.Graph, _states[1 - side], message, before, changesIgnored: false, _peers[1 - side].Mode);
            return true;
        }

        public void Break(Random random, Peer? loser = null)
        {
            for (int side = 0; side < 2; side++)
            {
                _toOther[side].Clear();
                if (_peers[side] == loser || random.Next(3) == 0) _states[side] = new SyncState();
                else if (random.Next(2) == 0) _states[side].Reconnect();
                else _states[side] = Persisted(_states[side]);
            }
        }

        // A client that drops a document and asks for it again over the same connection; what is under way still arrives.
        public void RestartOneSide(int side)
        {
            if (_peers[1 - side].Mode == SyncMode.Server) _states[side] = new SyncState();
        }

        private static SyncState Persisted(SyncState state)
        {
            ArrayBufferWriter<byte> output = new();
            state.Encode(output);
            Assert.True(SyncState.TryDecode(output.WrittenSpan, out SyncState? decoded));
            return decoded!;
        }
    }
}
