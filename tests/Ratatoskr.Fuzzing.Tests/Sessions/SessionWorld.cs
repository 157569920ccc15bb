using System.Buffers;
using System.Text;
using Automerge.Changes;
using Automerge.Format;
using Automerge.Tests.Fuzzing;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;
using SharedTests.Fuzzing;

namespace Ratatoskr.Fuzzing.Tests.Sessions;

/// <summary>
/// A server without sockets, two honest peers with two documents open, and a third whose bytes may be anything. What it may do to them is nothing, but for edits that it has a right to.
/// </summary>
internal sealed class SessionWorld : IDisposable
{
    public const string Attacker = "mallory";

    private const Permission All = Permission.Read | Permission.Write;

    /// <summary>Small, so that what is not bounded shows.</summary>
    private static readonly EngineLimits Limits = new()
    {
        MemoryBudgetBytes = 8 << 20,
        MessageBytesMax = 1 << 20,
        HelloBytesMax = 4 << 10,
        HelloBytesTotalMax = 16 << 10,
        DocumentWaitingBytesMax = 4 << 20,
        InflatedBytesMax = 2 << 20,
        Document = FuzzOracles.Limits,
        InlineChangesBytesMax = 2 << 10,
        InlineOperationsMax = 64,
        QueueChangesMax = 50,
        QueueBytesMax = 64 << 10,
        DocumentsPerSessionMax = 20,
        RemoteSubscriptionsPerSessionMax = 10,
        RemoteHeadsPerDocumentMax = 8,
        RemoteHeadsMax = 8,
        TailChangesMax = 20,
        TailBytesMin = 4 << 10,
    };

    // What a message may make the server allocate, beside four times its own bytes: a document loaded, verified, folded and sent, to two peers who keep whole copies of what they are sent.
    private const long DeclaredBytes = 4 * FuzzOracles.DeclaredBytes;

    // Codes that say what the peer did, or that it should come again. 1011 says that we did something wrong.
    private static readonly CloseCode[] ProperCodes =
        [CloseCode.Normal, CloseCode.ProtocolError, CloseCode.UnsupportedData, CloseCode.InvalidPayload, CloseCode.PolicyViolation, CloseCode.MessageTooBig, CloseCode.TryAgainLater];

    private readonly FuzzCase _case;
    private readonly AccountServer? _accounts;
    private readonly int _heldBefore = SharedBuffer.Held;
    private readonly HashSet<ChangeHash> _honestChanges = [];
    private readonly List<byte> _input = [];
    private readonly Counters _counters;
    private MessageAssembler? _assembler;
    private readonly byte[][] _secrets;
    private readonly Dictionary<string, int> _ephemerals = new() { ["alice"] = 0, ["bob"] = 0 };
    private int _edits;

    public SessionWorld(FuzzCase one, FuzzDocument history, bool withAccounts)
    {
        (_case, History) = (one, history);
        Known = one.Random.Next(history.Changes.Count);
        if (withAccounts)
        {
            RateLimits rates = one.OneIn(3) ? new RateLimits { AnonymousMessages = RateLimit.PerMinute(5), UndecodableFrames = RateLimit.PerMinute(3), FailedCredentials = RateLimit.PerMinute(2) } : RateLimits.None;
            _accounts = new AccountServer(rates, Limits);
            _accounts.Accounts.Register(Shared, "alice", ("bob", All), (Attacker, AttackersPermission = one.Pick<Permission>([Permission.None, Permission.Read, All])));
            _accounts.Accounts.Register(Private, "alice", ("bob", All));
            Server = _accounts.Server;
        }
        else
        {
            Server = new TestServer(Limits);
            AttackersPermission = All;
        }

        _counters = new Counters(Server.Engine);
        Alice = Server.Connect("alice", token: "alice", storageId: "alice-store");
        Bob = Server.Connect("bob", token: "bob");
        byte[] saved = history.Save(Known);
        if (Known > 0) Alice.Open(Shared, saved);
        else Alice.Open(Shared);
        Alice.Open(Private);
        Edit(Alice, Shared);
        Edit(Alice, Private, "a secret that is nobody's but hers and his");
        Settle();
        Bob.Open(Shared);
        Bob.Open(Private);
        Edit(Bob, Shared);
        Edit(Bob, Private);
        Settle();
        ChangeGraph secret = Alice[Private].Graph;
        _secrets = [Encoding.UTF8.GetBytes("a secret that is nobody's"), .. Enumerable.Range(0, secret.Count).Select(row => secret.HashAt(row).Bytes.ToArray())];
        Mallory = new TestPeer(Attacker, token: one.OneIn(3) ? null : Attacker);
        Reconnect();
    }

    public static DocumentId Shared { get; } = TestServer.Document("shared");

    public static DocumentId Private { get; } = TestServer.Document("private");

    public FuzzDocument History { get; }

    /// <summary>So many changes of the history are in the shared document.</summary>
    public int Known { get; }

    public TestServer Server { get; }

    public TestPeer Alice { get; }

    public TestPeer Bob { get; }

    public TestPeer Mallory { get; }

    public Permission AttackersPermission { get; private set; }

    public bool HasAccounts => _accounts is not null;

    /// <summary>Every byte that the attacker has sent, one connection after the other.</summary>
    public byte[] Input => [.. _input];

    /// <summary>Why the attacker's last connection was closed; null when it was not.</summary>
    public string? Refusal { get; private set; }

    public void Reconnect()
    {
        if (Mallory.IsConnected) Leave();
        _assembler = new MessageAssembler(Limits.MessageBytesMax);
        Mallory.Connect(Server.Engine, join: false);
        Mallory.Connection.OnSend = CheckSent;
    }

    /// <summary>What Transport does with bytes, however they are cut.</summary>
    public void Deliver(byte[] bytes)
    {
        _input.AddRange(bytes);
        _case.Input = Input;
        if (!Mallory.IsConnected || _assembler is null) return;
        long declared = DeclaredBytes + (16L * (Alice[Shared].DocumentLength + Mallory.Documents.Values.Sum(document => document.DocumentLength)));
        _case.Call(bytes.Length, declared, () => Receive(new ReadOnlySequence<byte>(bytes)));
        CheckLimits();
        if (Mallory.Connection.ClosedWith is not { } code) return;
        Assert.True(ProperCodes.Contains(code), $"closed with {code}: {Mallory.Connection.CloseReason}");
        Refusal = $"closed with {(int)code}: {Mallory.Connection.CloseReason}";
        Leave();
    }

    public void Leave()
    {
        if (Mallory.IsConnected) Mallory.Disconnect();
        _assembler?.Dispose();
        _assembler = null;
        Server.Scheduler.RunAll();
    }

    /// <summary>Lets everybody who is honest take what has come and say what there is to say, and the attacker's client take what it can.</summary>
    public void Settle()
    {
        Server.Settle();
        if (Mallory is not { IsConnected: true } || !Mallory.Connection.IsWritable) return;
        try
        {
            Mallory.Listen();
        }
        catch (AutomergeFormatException)
        {
            // It lacks what it threw away.
        }
    }

    public void HonestEdit() => Edit(_case.OneIn(2) ? Alice : Bob, _case.OneIn(2) ? Shared : Private);

    public void Share(Permission permission)
    {
        AttackersPermission = permission;
        _accounts?.Share(Shared, ("bob", All), (Attacker, permission));
    }

    public void Revoke() => _accounts?.Revoke(Attacker);

    public void AnswerSlowly(bool isSlow)
    {
        if (_accounts is null) return;
        _accounts.Accounts.IsSlow = isSlow;
        if (isSlow) return;
        _accounts.Accounts.AnswerAll();
        Server.Scheduler.RunAll();
    }

    /// <summary>After whatever has happened: the honest ones have all they made, can go on, and nothing is left of the other.</summary>
    public void CheckAftermath()
    {
        Leave();
        AnswerSlowly(false);
        Server.Tick(11);
        foreach (DocumentId id in (DocumentId[])[Shared, Private])
        {
            Edit(Alice, id);
            Settle();
            Edit(Bob, id);
            Settle();
            Assert.Equal(Alice[id].Graph.Heads.ToArray().Order(), Bob[id].Graph.Heads.ToArray().Order());
            IReadOnlyCollection<ChangeHash> stored = Server.StoredChanges(id);
            Assert.True(stored.Count == Alice[id].Graph.Count, $"{stored.Count} changes are stored of {Alice[id].Graph.Count}");
            StoredContent.Operations(Server.Store, id);
        }

        foreach (ChangeHash made in _honestChanges) Assert.True(Alice[Shared].Graph.Contains(made) || Alice[Private].Graph.Contains(made), "an honest change is lost");
        int heard = Bob.Heard.Count(message => message.Kind == MessageKind.Ephemeral && message.SenderId == "alice");
        Alice.SayEphemeral(Shared, [0x01]);
        _ephemerals["alice"]++;
        Settle();
        Assert.Equal(heard + 1, Bob.Heard.Count(message => message.Kind == MessageKind.Ephemeral && message.SenderId == "alice"));
        foreach (TestPeer honest in (TestPeer[])[Alice, Bob])
        {
            Assert.True(honest.Connection.ClosedWith is null, $"{honest.Name} was closed with {honest.Connection.ClosedWith}: {honest.Connection.CloseReason}");
            Assert.Empty(honest.Errors.Select(error => error.ErrorText));
            foreach ((string name, int said) in _ephemerals)
            {
                int heardOfThem = honest.Heard.Count(message => message.Kind == MessageKind.Ephemeral && message.SenderId == name);
                Assert.True(heardOfThem <= said, $"{honest.Name} heard {heardOfThem} words of {name}, who said {said}");
            }
        }

        foreach ((string what, long count) in _counters.Grown) _case.Note(what, count);
        CheckNothingIsLeft();
    }

    public void Dispose()
    {
        _assembler?.Dispose();
        _counters.Dispose();
        if (_accounts is not null) _accounts.Dispose();
        else Server.Dispose();
    }

    private void Receive(ReadOnlySequence<byte> bytes)
    {
        IPeerSession session = Mallory.Session!;
        FakeConnection connection = Mallory.Connection;
        try
        {
            while (connection.ClosedWith is null)
            {
                _assembler!.MessageLengthMax = session.MaxMessageBytes;
                if (!_assembler.TryRead(ref bytes, out WebSocketEvent read)) break;
                Task taken = Task.CompletedTask;
                if (read.Kind == WebSocketEventKind.Binary) taken = session.ReceiveAsync(read.Payload).AsTask();
                else if (read.Kind == WebSocketEventKind.Text) taken = session.ReceiveTextAsync(read.Payload).AsTask();
                else if (read.Kind == WebSocketEventKind.Close) connection.Close(CloseCode.Normal, "as the peer wishes");
                Server.Scheduler.RunAll();
                Assert.True(taken.IsCompleted, "a message waits for room");
                taken.GetAwaiter().GetResult();
            }

            connection.Flush();
        }
        catch (ProtocolException e)
        {
            connection.Close(e.CloseCode, e.Message);
        }

        Server.Scheduler.RunAll();
    }

    private void Edit(TestPeer peer, DocumentId id, string? value = null)
    {
        // Whoever may write can use up the counters: then nobody can edit any more, here or in any other Automerge.
        if (peer[id].Graph.MaxOp > uint.MaxValue - 1000) return;
        peer.Edit(id, value ?? $"{peer.Name} {_edits++}", 1 + _case.Random.Next(3));
        _honestChanges.Add(peer[id].Graph.HashAt(peer[id].Graph.Count - 1));
        if (!_case.OneIn(3)) return;
        peer.SayEphemeral(id, [0x01]);
        _ephemerals[peer.Name]++;
    }

    // What the attacker is sent: sound messages to it, and nothing of what it may not read.
    private void CheckSent(byte[] bytes)
    {
        ServerMessage message = new(bytes);
        if (_accounts is null) return;
        foreach (byte[] secret in _secrets) Assert.True(bytes.AsSpan().IndexOf(secret) < 0, "the attacker is told a secret");
        bool mayRead = message.Document != Private.ToString() && (message.Document != Shared.ToString() || AttackersPermission != Permission.None);
        if (message.Kind is MessageKind.Ephemeral or MessageKind.RemoteHeadsChanged) Assert.True(mayRead, $"the attacker hears {message.Kind} of what it may not read");
        if (message.Kind == MessageKind.Sync && !mayRead) Assert.True(message.Heads.Length == 0 && message.ChangeBytes == 0, "the attacker is told heads of what it may not read");
    }

    private void CheckLimits()
    {
        foreach (Engine.Shards.Shard shard in Server.Engine.Shards)
        {
            Assert.True(shard.HeldBytes <= Limits.DocumentWaitingBytesMax * shard.DocumentCount, $"{shard.HeldBytes} bytes wait");
            Assert.True(shard.LinkBytes <= Limits.MemoryBudgetBytes + (2 * Limits.MessageBytesMax), $"{shard.LinkBytes} bytes are kept of peers");
            Assert.True(shard.ContentBytes <= Limits.MemoryBudgetBytes + FuzzOracles.DeclaredBytes, $"{shard.ContentBytes} bytes of documents");
        }
    }

    private void CheckNothingIsLeft()
    {
        Alice.Disconnect();
        Bob.Disconnect();
        Server.Scheduler.RunAll();
        Server.Tick((Limits.IdleDocumentMs / 1000) + 10);
        Server.Tick((Limits.IdleDocumentMs / 1000) + 10);
        Assert.Equal(0, Server.Engine.SessionCount);
        foreach (Engine.Shards.Shard shard in Server.Engine.Shards)
        {
            Assert.Equal((0, 0L, 0L, 0L), (shard.DocumentCount, shard.HeldBytes, shard.LinkBytes, shard.ContentBytes));
        }

        Assert.True(SharedBuffer.Held == _heldBefore, $"{SharedBuffer.Held - _heldBefore} buffers were not given back");
    }
}
