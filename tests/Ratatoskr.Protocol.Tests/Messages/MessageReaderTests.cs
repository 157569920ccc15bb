using System.Text;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.Tests.Support;

namespace Ratatoskr.Protocol.Tests.Messages;

public class MessageReaderTests
{
    private const string DocumentText = "148vjpuxYXixb8DcbaWyeGv2q3u";

    [Fact]
    public void Read_with_keys_in_any_order_gives_same_fields()
    {
        (object?, object?)[] pairs =
            [("type", "ephemeral"), ("senderId", "a"), ("targetId", "b"), ("documentId", DocumentText), ("data", new byte[] { 1 }), ("count", 5), ("sessionId", "s")];
        Random random = new(3);
        for (int round = 0; round < 100; round++)
        {
            random.Shuffle(pairs);
            byte[] bytes = Message.Map(pairs);
            RepoMessage message = Read(bytes);
            Assert.Equal(MessageKind.Ephemeral, message.Kind);
            Assert.Equal("a", Text(bytes, message.SenderId));
            Assert.Equal("b", Text(bytes, message.TargetId));
            Assert.Equal(DocumentText, Text(bytes, message.DocumentId));
            Assert.Equal([1], message.Data.In(bytes).ToArray());
            Assert.Equal(5UL, message.Count);
            Assert.Equal("s", Text(bytes, message.SessionId));
        }
    }

    [Fact]
    public void Read_of_every_recorded_frame_cut_at_every_byte_is_undecodable()
    {
        foreach (Captured frame in Captures.Stock.Concat(Captures.Original))
        {
            for (int cut = 0; cut < frame.Bytes.Length; cut++)
                Assert.Equal(ReadOutcome.Undecodable, MessageReader.Read(frame.Bytes.AsSpan(0, cut), out _, out _));
            Assert.Equal(ReadOutcome.Undecodable, MessageReader.Read([.. frame.Bytes, 0xf6], out _, out _));
        }
    }

    [Theory]
    [InlineData("f6")]                                  // kills a Node server
    [InlineData("f7")]
    [InlineData("182a")]
    [InlineData("80")]
    [InlineData("8264747970656473796e63")]
    [InlineData("6474797065")]
    [InlineData("a0")]                                  // a map without type
    [InlineData("a1616101")]
    [InlineData("a16474797065f6")]                      // type: null
    [InlineData("a16474797065f7")]
    [InlineData("a1647479706501")]
    [InlineData("a164747970654473796e63")]              // type as a byte string
    [InlineData("a164747970657f6473796e63ff")]          // type in chunks
    public void Read_of_sound_cbor_that_is_no_message_is_refused(string hex) =>
        AssertRefused(Convert.FromHexString(hex), null);

    [Theory]
    [InlineData("")]
    [InlineData("ff")]
    [InlineData("a1")]
    [InlineData("7b22747970")]                          // {"typ: JSON
    [InlineData("bbffffffffffffffff")]
    [InlineData("b9000264747970656473796e63")]          // one pair is missing
    [InlineData("a164747970657bffffffffffffffff")]
    [InlineData("a264747970656473796e6364646174615b7fffffffffffffff00")]
    public void Read_of_no_cbor_is_undecodable(string hex) =>
        Assert.Equal(ReadOutcome.Undecodable, MessageReader.Read(Convert.FromHexString(hex), out _, out _));

    [Fact]
    public void Read_of_nesting_bomb_in_unknown_key_is_undecodable()
    {
        byte[] bomb = [.. Convert.FromHexString("a264747970656473796e636178"), .. Enumerable.Repeat((byte)0x81, 1_000_000), 0x00];
        Assert.Equal(ReadOutcome.Undecodable, MessageReader.Read(bomb, out _, out _));
        Assert.Equal(ReadOutcome.Undecodable, MessageReader.Read(bomb.AsSpan(13), out _, out _));
    }

    [Fact]
    public void Read_of_unknown_type_is_a_message_whatever_its_fields_are()
    {
        byte[] bytes = Message.Map(("type", "subduction-connection"), ("data", "text"), ("count", -1), ("data", 5), ("senderId", new object[] { 1 }));
        RepoMessage message = Read(bytes);
        Assert.Equal(MessageKind.Unknown, message.Kind);
        Assert.Equal("subduction-connection", Text(bytes, message.Type));
        Assert.False(message.SenderId.IsPresent);
    }

    [Fact]
    public void Read_steps_over_unknown_keys_of_any_kind()
    {
        byte[] bytes = Message.Map((1, 2), (null, new object[] { 1, "two" }), ("type", "leave"), (new object[] { "senderId" }, "x"), ("Type", 3), ("senderId", "a"));
        RepoMessage message = Read(bytes);
        Assert.Equal(MessageKind.Leave, message.Kind);
        Assert.Equal("a", Text(bytes, message.SenderId));
    }

    [Fact]
    public void Read_of_indefinite_map_is_taken()
    {
        byte[] bytes = Convert.FromHexString("bf64747970656473796e636464617461d8404142ff");
        RepoMessage message = Read(bytes);
        Assert.Equal(MessageKind.Sync, message.Kind);
        Assert.Equal("B"u8, message.Data.In(bytes));
    }

    [Fact]
    public void Read_treats_null_and_undefined_as_absent()
    {
        RepoMessage message = Read(Message.Map(
            ("type", "sync"), ("senderId", Message.Undefined), ("targetId", null), ("documentId", Message.Undefined), ("data", null), ("count", Message.Undefined)));
        Assert.False(message.SenderId.IsPresent || message.TargetId.IsPresent || message.DocumentId.IsPresent || message.Data.IsPresent);
        Assert.Equal(0UL, message.Count);
    }

    [Fact]
    public void Read_of_empty_strings_finds_them_present()
    {
        RepoMessage message = Read(Message.Map(("type", "sync"), ("senderId", ""), ("data", Array.Empty<byte>())));
        Assert.True(message.SenderId.IsPresent && message.Data.IsPresent);
        Assert.Equal(0, message.SenderId.Length + message.Data.Length);
    }

    [Theory]
    [InlineData("senderId", 1024)]
    [InlineData("targetId", 1024)]
    [InlineData("documentId", 512)]
    [InlineData("sessionId", 256)]
    [InlineData("token", 16384)]
    public void Read_of_text_beyond_its_bound_is_refused_by_name(string key, int lengthMax)
    {
        Read(Message.Map(("type", "sync"), (key, new string('x', lengthMax))));
        AssertRefused(Message.Map(("type", "sync"), (key, new string('x', lengthMax + 1))), key);
        AssertRefused(Message.Map(("type", "sync"), (key, 5)), key);
        AssertRefused(Message.Map(("type", "sync"), (key, true)), key);

        // Two bytes that are not UTF-8, put where "xx" was.
        byte[] bytes = Message.Map(("type", "sync"), (key, "xx"));
        bytes[^2] = 0xc3;
        AssertRefused(bytes, key);
    }

    [Theory]
    [InlineData("type", "sync")]
    [InlineData("senderId", "a")]
    [InlineData("data", null)]
    public void Read_of_key_that_comes_twice_is_refused(string key, string? value)
    {
        (object?, object?) twice = (key, value ?? (object)new byte[1]);
        byte[] bytes = key == "type" ? Message.Map(twice, twice) : Message.Map(("type", "sync"), twice, twice);
        AssertRefused(bytes, "twice");
    }

    [Fact]
    public void Read_of_document_id_as_byte_string_takes_it_for_the_payload()
    {
        byte[] bytes = Message.Map(("type", "sync"), ("documentId", Convert.FromHexString("00112233445566778899aabbccddeeff")));
        RepoMessage message = Read(bytes);
        Assert.True(message.DocumentIdIsPayload);
        Assert.True(message.TryGetDocumentId(bytes, out var id));
        Assert.Equal(DocumentText, id.ToString());

        AssertRefused(Message.Map(("type", "sync"), ("documentId", new byte[513])), "documentId");
        bytes = Message.Map(("type", "sync"), ("documentId", new byte[512]));
        Assert.False(Read(bytes).TryGetDocumentId(bytes, out _));
        bytes = Message.Map(("type", "sync"), ("documentId", "eph:room"));
        Assert.False(Read(bytes).TryGetDocumentId(bytes, out _));
    }

    [Theory]
    [InlineData(7.0, 7)]
    [InlineData(4294967296.0, 4294967296)]
    [InlineData(0.0, 0)]
    public void Read_of_float_count_gives_whole_number(double count, ulong expected) =>
        Assert.Equal(expected, Read(Message.Map(("type", "ephemeral"), ("count", count))).Count);

    [Theory]
    [InlineData(0.5)]
    [InlineData(-1.0)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(1e20)]
    public void Read_of_other_float_count_is_refused(double count) => AssertRefused(Message.Map(("type", "ephemeral"), ("count", count)), "count");

    [Fact]
    public void Read_of_data_that_is_not_one_byte_string_is_refused()
    {
        AssertRefused(Message.Map(("type", "sync"), ("data", "text")), "data");
        AssertRefused(Message.Map(("type", "sync"), ("data", new object[] { 1 })), "data");
        AssertRefused(Convert.FromHexString("a264747970656473796e6364646174615f41414142ff"), "data");
    }

    [Fact]
    public void Read_of_join_applies_the_defaults()
    {
        RepoMessage bare = Read(Message.Map(("type", "join"), ("senderId", "a")));          // 1.0 clients
        Assert.True(bare.SupportsVersion1);
        Assert.True(bare.IsEphemeral);
        Assert.False(bare.StorageId.IsPresent);

        byte[] bytes = Message.Map(("type", "join"), ("peerMetadata", new (object?, object?)[] { ("storageId", "s"), ("new", 1) }));
        RepoMessage stored = Read(bytes);
        Assert.Equal("s", Text(bytes, stored.StorageId));
        Assert.False(stored.IsEphemeral);

        bytes = Message.Map(("type", "join"), ("metadata", new (object?, object?)[] { ("storageId", "m"), ("isEphemeral", true) }));
        RepoMessage written = Read(bytes);
        Assert.Equal("m", Text(bytes, written.StorageId));
        Assert.True(written.IsEphemeral);

        bytes = Message.Map(
            ("type", "join"),
            ("peerMetadata", new (object?, object?)[] { ("isEphemeral", false), ("storageId", "p") }),
            ("metadata", new (object?, object?)[] { ("storageId", "m"), ("isEphemeral", true) }));
        RepoMessage both = Read(bytes);
        Assert.Equal("p", Text(bytes, both.StorageId));
        Assert.False(both.IsEphemeral);
    }

    [Fact]
    public void Read_of_join_looks_for_version_1()
    {
        Assert.True(Read(Message.Map(("type", "join"), ("supportedProtocolVersions", new object[] { "2", "1" }))).SupportsVersion1);
        Assert.True(Read(Message.Map(("type", "join"), ("supportedProtocolVersions", Message.Undefined))).SupportsVersion1);
        Assert.False(Read(Message.Map(("type", "join"), ("supportedProtocolVersions", new object[] { "2" }))).SupportsVersion1);
        Assert.False(Read(Message.Map(("type", "join"), ("supportedProtocolVersions", Array.Empty<object>()))).SupportsVersion1);
        AssertRefused(Message.Map(("type", "join"), ("supportedProtocolVersions", "1")), "supportedProtocolVersions");
        AssertRefused(Message.Map(("type", "join"), ("supportedProtocolVersions", new object[] { 1 })), "supportedProtocolVersions");
    }

    [Fact]
    public void Read_of_bad_metadata_is_refused()
    {
        AssertRefused(Message.Map(("type", "join"), ("peerMetadata", "s")), "peerMetadata");
        AssertRefused(Message.Map(("type", "join"), ("peerMetadata", new (object?, object?)[] { ("storageId", new string('s', 257)) })), "peerMetadata");
        AssertRefused(Message.Map(("type", "join"), ("peerMetadata", new (object?, object?)[] { ("isEphemeral", 1) }), ("x", 1)), "peerMetadata");
        AssertRefused(Message.Map(("type", "join"), ("metadata", new (object?, object?)[] { ("storageId", 1), ("more", "x") }), ("x", 1)), "metadata");
    }

    [Fact]
    public void Read_of_auth_takes_true_only_as_anonymous()
    {
        Assert.False(Read(Message.Map(("type", "auth"))).Anonymous);
        Assert.False(Read(Message.Map(("type", "auth"), ("anonymous", false))).Anonymous);
        Assert.True(Read(Message.Map(("type", "auth"), ("token", null), ("anonymous", true))).Anonymous);
        AssertRefused(Message.Map(("type", "auth"), ("anonymous", 1)), "anonymous");
        Assert.False(Read(Message.Map(("type", "auth_ok"), ("user", null))).UserId.IsPresent);
        AssertRefused(Message.Map(("type", "auth_ok"), ("user", "u")), "user");
        AssertRefused(Message.Map(("type", "auth_ok"), ("user", new (object?, object?)[] { ("id", 1) })), "user");
    }

    [Fact]
    public void Read_of_bad_subscriptions_and_heads_is_refused()
    {
        AssertRefused(Message.Map(("type", "remote-subscription-change"), ("add", "s")), "add");
        AssertRefused(Message.Map(("type", "remote-subscription-change"), ("add", new object[] { "s", 1 })), "add");
        AssertRefused(Message.Map(("type", "remote-subscription-change"), ("remove", new object[] { new string('s', 257) })), "remove");

        (object?, object?) heads = ("heads", new object[] { "h" });
        (object?, object?) timestamp = ("timestamp", 5.0);
        Read(Heads(("s", new[] { heads, timestamp, ("new", 1) })));
        Read(Heads());
        AssertRefused(Heads(("s", new[] { heads })), "newHeads");
        AssertRefused(Heads(("s", new[] { timestamp })), "newHeads");
        AssertRefused(Heads(("s", new[] { heads, ("timestamp", double.NaN) })), "newHeads");
        AssertRefused(Heads(("s", new[] { heads, ("timestamp", -1) })), "newHeads");
        AssertRefused(Heads(("s", new[] { ("heads", "h"), timestamp })), "newHeads");
        AssertRefused(Heads(("s", new[] { ("heads", new object[] { 1 }), timestamp })), "newHeads");
        AssertRefused(Heads(("s", new[] { heads, timestamp }), ("t", 5)), "newHeads");
        AssertRefused(Heads((new string('s', 257), new[] { heads, timestamp })), "newHeads");
        AssertRefused(Message.Map(("type", "remote-heads-changed"), ("newHeads", new object[] { "s" })), "newHeads");
    }

    [Fact]
    public void Read_of_subscription_or_heads_that_are_not_utf8_is_refused()
    {
        // They are relayed as text strings, and a Rust peer drops the connection over a bad one.
        foreach (byte[] bytes in new[]
        {
            Message.Map(("type", "remote-subscription-change"), ("add", new object[] { "@@" })),
            Heads(("@@", new (object?, object?)[] { ("heads", Array.Empty<object>()), ("timestamp", 1) })),
            Heads(("s", new (object?, object?)[] { ("timestamp", 1), ("heads", new object[] { "@@" }) })),
        })
        {
            Read(bytes);
            bytes[bytes.AsSpan().IndexOf("@@"u8)] = 0xc3;
            AssertRefused(bytes, null);
        }
    }

    [Fact]
    public void Read_of_mutated_frames_gives_slices_inside_the_frame_or_a_reason()
    {
        Random random = new(20_260_705);
        byte[][] seeds = [.. Captures.Stock.Concat(Captures.Original).Select(frame => frame.Bytes)];
        int[] outcomes = new int[3];
        for (int round = 0; round < 100_000; round++)
        {
            byte[] bytes = Mutations.Mutate(seeds[random.Next(seeds.Length)], random);
            ReadOutcome outcome = MessageReader.Read(bytes, out RepoMessage message, out string? why);
            outcomes[(int)outcome]++;
            Assert.Equal(outcome == ReadOutcome.Message, why is null);
            if (outcome == ReadOutcome.Message) TouchEverything(bytes, message);
        }

        Assert.DoesNotContain(0, outcomes);
    }

    private static void TouchEverything(byte[] bytes, RepoMessage message)
    {
        Slice[] texts = [message.SenderId, message.TargetId, message.SessionId, message.StorageId, message.Token, message.UserId, message.ErrorCode, message.ErrorText];
        foreach (Slice text in texts) Assert.True(System.Text.Unicode.Utf8.IsValid(text.In(bytes)));
        _ = message.Data.In(bytes);
        message.TryGetDocumentId(bytes, out _);
        foreach (Slice id in MessageReader.StorageIds(bytes, message.Add)) Assert.InRange(id.In(bytes).Length, 0, 256);
        foreach (Slice id in MessageReader.StorageIds(bytes, message.Remove)) Assert.InRange(id.In(bytes).Length, 0, 256);
        foreach (RemoteHeads entry in MessageReader.RemoteHeads(bytes, message.NewHeads)) Assert.True(entry.Heads.IsPresent && double.IsFinite(entry.Timestamp));
    }

    private static byte[] Heads(params (object?, object?)[] entries) => Message.Map(("type", "remote-heads-changed"), ("newHeads", entries));

    private static RepoMessage Read(byte[] bytes)
    {
        ReadOutcome outcome = MessageReader.Read(bytes, out RepoMessage message, out string? why);
        Assert.Null(why);
        Assert.Equal(ReadOutcome.Message, outcome);
        return message;
    }

    private static void AssertRefused(byte[] bytes, string? naming)
    {
        Assert.Equal(ReadOutcome.Refused, MessageReader.Read(bytes, out _, out string? why));
        Assert.NotNull(why);
        if (naming is not null) Assert.Contains(naming, why, StringComparison.Ordinal);

        // The reason must not hide what is broken further on.
        Assert.Equal(ReadOutcome.Undecodable, MessageReader.Read(bytes.AsSpan(0, bytes.Length - 1), out _, out _));
    }

    private static string Text(byte[] bytes, Slice slice) => Encoding.UTF8.GetString(slice.In(bytes));
}
