using System.Buffers;
using Automerge.Changes;
using Automerge.Sync;

namespace Automerge.Tests.Sync;

/// <summary>What a server does where Automerge would do more: the liberties that the protocol leaves.</summary>
public class SyncSessionTests
{
    private static readonly byte[] Alice = [0xa1];
    private static readonly byte[] Bob = [0xb0];
    private static readonly byte[] Carol = [0xca];

    [Fact]
    public void First_message_of_an_empty_document_is_the_ten_bytes_of_automerge()
    {
        foreach (SyncMode mode in (SyncMode[])[SyncMode.Server, SyncMode.Compatible])
            Assert.Equal("42000001000000020284", Convert.ToHexStringLower(new End(new TestDocument(), mode).Speak()!));
    }

    [Fact]
    public void Server_sends_an_empty_peer_the_whole_document_once_with_its_own_heads_as_shared()
    {
        End server = new(Grown(200), SyncMode.Server), client = new(new TestDocument(), SyncMode.Compatible);
        client.Speak(server);
        byte[] sent = server.Speak(client)!;
        Assert.True(SyncMessageReader.TryRead(sent, out SyncMessageReader message, out _));
        Assert.Equal((SyncVersion.V2, 1, 1), (message.Version, message.ChangeCount, message.HaveCount));
        foreach (SyncMessageReader.HaveEntry have in message.Have)
        {
            Assert.True(have.LastSync.SequenceEqual(message.Heads));
            Assert.True(have.Bloom.IsEmpty);
        }

        // The client's 74 bytes need no answer.
        Assert.Equal(74, client.Speak(server)!.Length);
        Assert.Null(server.Speak());
    }

    [Fact]
    public void Server_whose_document_crosses_an_empty_peers_question_does_not_send_it_again()
    {
        End server = new(Grown(200), SyncMode.Server), client = new(new TestDocument(), SyncMode.Compatible);
        byte[] hello = server.Speak()!;
        byte[] asked = client.Speak()!;
        server.Hear(asked);
        byte[] document = server.Speak()!;
        client.Hear(hello);
        byte[] askedAgain = client.Speak()!;                    // "I need your heads": generated before the document arrived
        server.Hear(askedAgain);
        Assert.Null(server.Speak());
        client.Hear(document);
        client.Speak(server);
        Assert.Null(server.Speak());
        Assert.Equal(200, client.Document.Graph.Count);
    }

    [Fact]
    public void Server_that_hears_twice_that_the_peer_is_empty_sends_everything_again()
    {
        End server = new(Grown(20), SyncMode.Server), client = new(new TestDocument(), SyncMode.Compatible);
        client.Speak(server);
        Assert.NotNull(server.Speak());
        byte[] empty = [0x43, 0, 0, 1, 0, 0, 0, 2, 2, 0x84];
        server.Hear(empty);
        Assert.Null(server.Speak());
        server.Hear(empty);
        client.Hear(server.Speak()!);
        Assert.Equal(20, client.Document.Graph.Count);
    }

    [Fact]
    public void Server_answers_a_peer_that_begins_anew_on_the_same_connection()
    {
        End server = new(Grown(20), SyncMode.Server);
        End client = new(new TestDocument(), SyncMode.Compatible);
        Settle(server, client);

        End same = new(client.Document, SyncMode.Compatible);
        same.Speak(server);
        Assert.NotNull(server.Speak(same));
        Settle(server, same);

        End lost = new(new TestDocument(), SyncMode.Compatible);
        lost.Speak(server);
        server.Speak(lost);
        Assert.Equal(20, lost.Document.Graph.Count);
    }

    [Fact]
    public void Server_relays_an_edit_as_one_message_to_each_peer_and_is_silent_after_their_acks()
    {
        TestDocument hub = Grown(50);
        End alice = new(new TestDocument(), SyncMode.Compatible), atAlice = new(hub, SyncMode.Server);
        End bob = new(new TestDocument(), SyncMode.Compatible), atBob = new(hub, SyncMode.Server);
        Settle(atAlice, alice);
        Settle(atBob, bob);

        alice.Document.Edit(Alice);
        alice.Speak(atAlice);
        Assert.Equal(74, atAlice.Speak(alice)!.Length);
        byte[] relayed = atBob.Speak(bob)!;
        Assert.True(SyncMessageReader.TryRead(relayed, out SyncMessageReader message, out _));
        foreach (ReadOnlySpan<byte> entry in message.Changes) Assert.True(entry.SequenceEqual(hub.ChunkAt(50)));
        bob.Speak(atBob);
        Assert.Null(atBob.Speak());
        Assert.Null(atAlice.Speak());
        Assert.Null(alice.Speak());
        Assert.Null(bob.Speak());
    }

    [Fact]
    public void Plans_for_peers_in_the_same_state_are_the_same_message()
    {
        TestDocument hub = Grown(30);
        End[] clients = [.. Enumerable.Range(0, 3).Select(_ => new End(new TestDocument(), SyncMode.Compatible))];
        End[] atHub = [.. clients.Select(_ => new End(hub, SyncMode.Server))];
        for (int i = 0; i < 2; i++) Settle(atHub[i], clients[i]);
        hub.Edit(Carol);
        SyncPlan first = atHub[0].Plan(), second = atHub[1].Plan(), stranger = atHub[2].Plan();
        Assert.True(first.SameMessageAs(second));
        Assert.False(first.SameMessageAs(stranger));
        Assert.Equal([30], first.Rows.ToArray());
    }

    [Fact]
    public void Generate_changes_nothing_until_commit()
    {
        End server = new(Grown(3), SyncMode.Server), client = new(new TestDocument(), SyncMode.Compatible);
        client.Speak(server);
        SyncPlan first = server.Plan(), second = server.Plan();
        Assert.True(first.SameMessageAs(second));
        SyncSession.Commit(first, server.Document.Graph, server.State);
        Assert.Equal(SyncPlanKind.Nothing, server.Plan().Kind);
    }

    [Fact]
    public void Server_lacking_bytes_of_old_rows_sends_the_whole_document()
    {
        TestDocument hub = Grown(50);
        TestDocument old = new();
        for (int row = 0; row < 40; row++) old.Add(hub.ChunkAt(row).ToArray());
        End server = new(hub, SyncMode.Server), client = new(old, SyncMode.Compatible);
        client.Speak(server);
        SyncPlan plan = new();
        SyncSession.Generate(hub.Graph, null, server.State, SyncMode.Server, plan, rowsWithoutBytes: 40);
        Assert.Equal((false, 10), (plan.SendsDocument, plan.ChangeCount));
        SyncSession.Generate(hub.Graph, null, server.State, SyncMode.Server, plan, rowsWithoutBytes: 41);
        Assert.Equal((true, 50), (plan.SendsDocument, plan.ChangeCount));
    }

    [Fact]
    public void WriteHead_body_and_tail_are_the_message()
    {
        End server = new(Grown(5), SyncMode.Server), client = new(new TestDocument(), SyncMode.Compatible);
        client.Speak(server);
        SyncPlan plan = server.Plan();
        ArrayBufferWriter<byte> whole = new(), parts = new();
        SyncSession.Write(plan, server.Document.Graph, whole, server.Document);
        SyncSession.WriteHead(plan, server.Document.Graph, parts, SyncSession.BodyLength(plan, server.Document));
        server.Document.WriteDocument(parts);
        SyncSession.WriteTail(plan, parts);
        Assert.True(whole.WrittenSpan.SequenceEqual(parts.WrittenSpan));
    }

    [Theory]
    [InlineData(SyncMode.Server)]
    [InlineData(SyncMode.Compatible)]
    public void Read_only_peer_with_edits_of_its_own_hears_everything_and_both_fall_silent(SyncMode mode)
    {
        TestDocument hub = Grown(30);
        End client = new(new TestDocument(), SyncMode.Compatible), server = new(hub, mode);
        Settle(server, client);
        server.State.ReadOnly = true;
        client.Document.Edit(Alice);
        client.Document.Edit(Alice);
        Assert.InRange(Talk(server, client), 1, 6);
        Assert.Equal((30, 32), (hub.Graph.Count, client.Document.Graph.Count));

        // It still gets what others write, keeps its own, and is not told again and again.
        for (int i = 0; i < 5; i++)
        {
            hub.Edit(Bob);
            Assert.InRange(Talk(server, client), 1, 4);
            Assert.Equal(33 + i, client.Document.Graph.Count);
        }

        // When it may write again, it is asked to offer what was ignored.
        server.State.ReadOnly = false;
        Assert.InRange(Talk(server, client), 1, 10);
        Assert.Equal(client.Document.Graph.Heads.ToArray(), hub.Graph.Heads.ToArray());
    }

    [Fact]
    public void Read_only_peer_of_an_age_without_flags_causes_no_loop()
    {
        TestDocument hub = Grown(10);
        End client = new(new TestDocument(), SyncMode.Compatible) { HidesFlags = true, IgnoresFlags = true }, server = new(hub, SyncMode.Server);
        server.State.ReadOnly = true;
        client.Document.Edit(Alice);
        Assert.InRange(Talk(server, client), 1, 8);
        hub.Edit(Bob);
        Assert.InRange(Talk(server, client), 1, 8);
        Assert.Equal(12, client.Document.Graph.Count);
    }

    [Fact]
    public void Peer_naming_unknown_shared_heads_gets_one_reset_message_for_each_of_its_own()
    {
        // We were restored from an old backup: the client shares with us what we no longer have.
        TestDocument hub = Grown(10), restored = new();
        End client = new(new TestDocument(), SyncMode.Compatible);
        Settle(new End(hub, SyncMode.Server), client);
        for (int row = 0; row < 4; row++) restored.Add(hub.ChunkAt(row).ToArray());
        client.State.Reconnect();
        client.Document.Edit(Alice);

        End server = new(restored, SyncMode.Server);
        client.Speak(server);
        Assert.Equal(SyncPlanKind.Reset, server.Plan().Kind);
        server.Speak(client);
        Assert.Equal(SyncPlanKind.Nothing, server.Plan().Kind);
        Assert.InRange(Talk(server, client), 1, 6);
        Assert.Equal(11, restored.Graph.Count);
    }

    [Fact]
    public void Shared_heads_of_a_hostile_peer_stay_bounded()
    {
        TestDocument hub = Grown(6000);
        End server = new(hub, SyncMode.Server);
        ArrayBufferWriter<byte> output = new();
        for (int i = 0; i < 50; i++)
        {
            output.Clear();
            SyncMessageWriter writer = new(output);
            writer.WriteVersion(SyncVersion.V2);
            ChangeHash[] heads = [.. Enumerable.Range(100 * i, 100).Select(row => hub.Graph.HashAt(row)), default];
            writer.WriteHashes(heads);
            writer.WriteHashes([]);
            writer.WriteCount(0);
            writer.WriteCount(0);
            writer.WriteFlags(SyncFlags.SupportsSyncReset);
            server.Hear(output.WrittenSpan.ToArray());
            Assert.InRange(server.State.SharedHeads.Length, 1, 4096);
        }
    }

    [Fact]
    public void Steady_state_of_a_server_allocates_nothing()
    {
        const int Warm = 300, Measured = 200;
        TestDocument hub = new();
        End author = new(new TestDocument(), SyncMode.Compatible), atAuthor = new(hub, SyncMode.Server);
        End reader = new(new TestDocument(), SyncMode.Compatible), atReader = new(hub, SyncMode.Server);
        List<byte[]> edits = [], acks = [], chunks = [];

        // What the clients say, recorded beforehand in a run of its own.
        for (int i = 0; i < Warm + Measured; i++)
        {
            author.Document.Edit(Alice);
            edits.Add(author.Speak(atAuthor)!);
            chunks.Add(author.Document.ChunkAt(i).ToArray());
            atAuthor.Speak(author);
            if (i == 0) Settle(atAuthor, author);
            atReader.Speak(reader);
            if (i == 0) Settle(atReader, reader);
            acks.Add(reader.Speak(atReader) ?? []);
        }

        hub = new TestDocument();
        SyncState toAuthor = new(), toReader = new();
        SyncPlan plan = new(), second = new();
        ArrayBufferWriter<byte> output = new(1 << 16);
        ChangeHash[] before = new ChangeHash[1];
        long start = 0;
        for (int i = 0; i < Warm + Measured; i++)
        {
            // The document's own growth is its owner's: applied outside of what is measured.
            int heads = hub.Graph.Heads.Length;
            hub.Graph.Heads.CopyTo(before);
            Assert.Equal(GraphVerdict.Added, hub.Add(chunks[i]));
            if (i >= Warm) start = GC.GetAllocatedBytesForCurrentThread();

            SyncMessageReader.TryRead(edits[i], out SyncMessageReader edit, out _);
            SyncSession.Receive(hub.Graph, toAuthor, edit, before.AsSpan(0, heads));
            Say(hub, toAuthor, plan, output);
            Say(hub, toReader, second, output);
            plan.SameMessageAs(second);
            if (acks[i].Length > 0)
            {
                SyncMessageReader.TryRead(acks[i], out SyncMessageReader ack, out _);
                SyncSession.Receive(hub.Graph, toReader, ack, hub.Graph.Heads);
                Say(hub, toReader, second, output);
            }

            if (i >= Warm) Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - start);
        }
    }

    private static void Say(TestDocument hub, SyncState state, SyncPlan plan, ArrayBufferWriter<byte> output)
    {
        SyncSession.Generate(hub.Graph, hub.Queue, state, SyncMode.Server, plan);
        if (plan.Kind == SyncPlanKind.Nothing) return;
        output.ResetWrittenCount();
        SyncSession.Write(plan, hub.Graph, output, hub);
        SyncSession.Commit(plan, hub.Graph, state);
    }

    private static TestDocument Grown(int rows)
    {
        TestDocument document = new();
        for (int i = 0; i < rows; i++) document.Edit([0xff]);
        return document;
    }

    private static void Settle(End left, End right)
    {
        Assert.InRange(Talk(left, right), 0, 10);
        Assert.Equal(left.Document.Graph.Heads.ToArray(), right.Document.Graph.Heads.ToArray());
    }

    private static int Talk(End left, End right)
    {
        int messages = 0;
        while (messages < 100)
        {
            int before = messages;
            if (left.Speak(right) is not null) messages++;
            if (right.Speak(left) is not null) messages++;
            if (messages == before) break;
        }

        return messages;
    }

    private sealed class End(TestDocument document, SyncMode mode)
    {
        public TestDocument Document { get; } = document;

        public SyncState State { get; } = new();

        public bool HidesFlags { get; init; }

        public bool IgnoresFlags { get; init; }

        public SyncPlan Plan() => SyncSession.Generate(Document.Graph, Document.Queue, State, mode, new SyncPlan());

        public byte[]? Speak(End? to = null)
        {
            SyncPlan plan = Plan();
            if (plan.Kind == SyncPlanKind.Nothing) return null;
            ArrayBufferWriter<byte> output = new();
            SyncSession.Write(plan, Document.Graph, output, Document);
            SyncSession.Commit(plan, Document.Graph, State);
            byte[] message = HidesFlags ? output.WrittenSpan[..^3].ToArray() : output.WrittenSpan.ToArray();
            to?.Hear(message);
            return message;
        }

        public void Hear(byte[] bytes)
        {
            byte[] heard = IgnoresFlags ? bytes[..^3] : bytes;
            Assert.True(SyncMessageReader.TryRead(heard, out SyncMessageReader message, out string? error), error);
            ChangeHash[] before = Document.Graph.Heads.ToArray();
            if (!State.ReadOnly) Document.Apply(TestDocument.Cut(message));
            SyncSession.Receive(Document.Graph, State, message, before, State.ReadOnly, mode);
        }
    }
}
