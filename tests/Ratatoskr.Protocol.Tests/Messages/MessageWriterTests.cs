using System.Formats.Cbor;
using System.Text;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Protocol.Tests.Messages;

public class MessageWriterTests
{
    private const string DocumentText = "148vjpuxYXixb8DcbaWyeGv2q3u";

    // The longest that the reader lets through, to show that LengthMax is enough; and short ones.
    public static TheoryData<string, string, string> Ids => new()
    {
        { "server", "client-ä", DocumentText },
        { "", "", "" },
        { new string('s', PeerId.LengthMax), new string('t', PeerId.LengthMax), new string('d', DocumentId.LengthMax) },
    };

    [Theory]
    [MemberData(nameof(Ids))]
    public void WriteSyncEnvelope_and_shared_data_are_one_message(string sender, string target, string document)
    {
        foreach (int dataLength in new[] { 0, 10, 300, 70_000 })
        {
            foreach (bool request in new[] { false, true })
            {
                byte[] data = new byte[dataLength];
                byte[] bytes = Written(
                    sender.Length + Utf8(target).Length + document.Length,
                    span => MessageWriter.WriteSyncEnvelope(span, Utf8(sender), Utf8(target), Utf8(document), request, dataLength));
                RepoMessage message = Read(bytes = [.. bytes, .. data]);
                Assert.Equal(request ? MessageKind.Request : MessageKind.Sync, message.Kind);
                Assert.Equal(sender, Text(bytes, message.SenderId));
                Assert.Equal(target, Text(bytes, message.TargetId));
                Assert.Equal(document, Text(bytes, message.DocumentId));
                Assert.Equal(dataLength, message.Data.Length);
                Assert.Equal(bytes.Length, message.Data.End);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void WriteEphemeralEnvelope_round_trips(string sender, string target, string document)
    {
        foreach (ulong count in new[] { 1UL, 300UL, 1UL << 32, ulong.MaxValue })
        {
            string session = new('x', MessageReader.SessionIdLengthMax);
            byte[] bytes = Written(
                sender.Length + Utf8(target).Length + document.Length + session.Length,
                span => MessageWriter.WriteEphemeralEnvelope(span, Utf8(sender), Utf8(target), Utf8(document), count, Utf8(session), 3));
            RepoMessage message = Read(bytes = [.. bytes, 1, 2, 3]);
            Assert.Equal(MessageKind.Ephemeral, message.Kind);
            Assert.Equal(count, message.Count);
            Assert.Equal(session, Text(bytes, message.SessionId));
            Assert.Equal(sender, Text(bytes, message.SenderId));
            Assert.Equal(target, Text(bytes, message.TargetId));
            Assert.Equal([1, 2, 3], message.Data.In(bytes).ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void WriteDocUnavailable_and_peer_round_trip(string sender, string target, string document)
    {
        byte[] bytes = Written(
            sender.Length + Utf8(target).Length + document.Length,
            span => MessageWriter.WriteDocUnavailable(span, Utf8(sender), Utf8(target), Utf8(document)));
        RepoMessage message = Read(bytes);
        Assert.Equal(MessageKind.DocUnavailable, message.Kind);
        Assert.Equal(document, Text(bytes, message.DocumentId));

        bytes = Written(
            sender.Length + Utf8(target).Length + StorageId.LengthMax,
            span => MessageWriter.WritePeer(span, Utf8(sender), Utf8(target), Utf8(new string('u', StorageId.LengthMax))));
        message = Read(bytes);
        Assert.Equal(MessageKind.Peer, message.Kind);
        Assert.Equal(sender, Text(bytes, message.SenderId));
        Assert.Equal(target, Text(bytes, message.TargetId));
        Assert.Equal(StorageId.LengthMax, message.StorageId.Length);
        Assert.False(message.IsEphemeral);
        CborReader reader = Find(bytes, "selectedProtocolVersion");
        Assert.Equal("1", reader.ReadTextString());
    }

    [Fact]
    public void WriteRemoteHeadsChanged_round_trips_with_timestamp_as_float64()
    {
        byte[] hashes = new byte[96];
        new Random(5).NextBytes(hashes);
        byte[] heads = new byte[MessageWriter.HeadsLengthMax(3)];
        int headsLength = MessageWriter.WriteHeads(heads, hashes);

        byte[] bytes = Written(
            6 + DocumentText.Length + headsLength,
            span => MessageWriter.WriteRemoteHeadsChanged(
                span, "me"u8, "you"u8, Utf8(DocumentText), "s"u8, heads.AsSpan(0, headsLength), 1795220569115));
        RepoMessage message = Read(bytes);
        Assert.Equal(MessageKind.RemoteHeadsChanged, message.Kind);
        int entries = 0;
        byte[] payload = new byte[32];
        foreach (RemoteHeads entry in MessageReader.RemoteHeads(bytes, message.NewHeads))
        {
            entries++;
            Assert.Equal("s", Text(bytes, entry.StorageId));
            Assert.Equal(1795220569115, entry.Timestamp);
            int i = 0;
            foreach (Slice head in MessageReader.StorageIds(bytes, entry.Heads))
            {
                Assert.True(Base58Check.TryDecode(head.In(bytes), payload, out int length));
                Assert.Equal(32, length);
                Assert.Equal(hashes[i..(i += 32)], payload);
            }

            Assert.Equal(96, i);
        }

        Assert.Equal(1, entries);
        Assert.Contains("FB427A1FB7BFC1B000", Convert.ToHexString(bytes), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => MessageWriter.WriteHeads(heads, new byte[33]));
    }

    [Fact]
    public void WriteRemoteSubscriptionChange_round_trips()
    {
        StorageId[] add = [StorageId.FromString("one"), StorageId.FromString(new string('x', StorageId.LengthMax))];
        byte[] bytes = Written(
            5 + 3 + StorageId.LengthMax + (3 * add.Length),
            span => MessageWriter.WriteRemoteSubscriptionChange(span, "me"u8, "you"u8, add, []));
        RepoMessage message = Read(bytes);
        Assert.Equal(MessageKind.RemoteSubscriptionChange, message.Kind);
        List<StorageId> found = [];
        foreach (Slice id in MessageReader.StorageIds(bytes, message.Add)) found.Add(StorageId.FromTrusted(id.In(bytes)));
        Assert.Equal(add, found);
        Assert.True(message.Remove.IsPresent);
        Assert.False(MessageReader.StorageIds(bytes, message.Remove).MoveNext());
    }

    [Fact]
    public void WriteError_with_everything_fits_and_reads_back()
    {
        string text = new('m', 500);
        byte[] bytes = new byte[MessageWriter.LengthMax(FullError(Utf8(text)))];
        int length = MessageWriter.WriteError(bytes, FullError(Utf8(text)));
        bytes = bytes[..length];
        RepoMessage message = Read(bytes);
        Assert.Equal(MessageKind.Error, message.Kind);
        Assert.Equal("quota_exceeded", Text(bytes, message.ErrorCode));
        Assert.Equal(text, Text(bytes, message.ErrorText));
        Assert.Equal(DocumentText, Text(bytes, message.DocumentId));
        Assert.Equal(uint.MaxValue, Find(bytes, "retryAfter").ReadUInt32());
        Assert.Equal("maxTotalStorage", Find(bytes, "quota").ReadTextString());
        Assert.Equal(ulong.MaxValue, Find(bytes, "current").ReadUInt64());
        Assert.Equal(Math.Pow(2, 40), Find(bytes, "limit").ReadDouble());
    }

    [Fact]
    public void WriteError_has_the_fields_of_each_dialect_in_their_order()
    {
        byte[] original = new byte[200];
        int length = MessageWriter.WriteError(
            original, new ErrorFrame { Error = ErrorCodes.DocumentNotFound, DocumentId = Utf8(DocumentText), Message = "no"u8 });
        Assert.Equal(["type", "error", "documentId", "message"], Keys(original.AsSpan(0, length)));

        byte[] stock = new byte[200];
        length = MessageWriter.WriteError(stock, new ErrorFrame { SenderId = "s"u8, TargetId = "t"u8, Message = "unsupported protocol version"u8 });
        Assert.Equal(["type", "message", "senderId", "targetId"], Keys(stock.AsSpan(0, length)));
    }

    [Fact]
    public void WriteAuthOk_and_error_are_those_of_the_original()
    {
        byte[] bytes = Written(20, span => MessageWriter.WriteAuthOk(span, "server-1"u8, "client-1"u8, "u"u8));
        Assert.Equal(["type", "peerId", "clientPeerId", "user"], Keys(bytes));
        RepoMessage message = Read(bytes);
        Assert.Equal("server-1", Text(bytes, message.SenderId));
        Assert.Equal("client-1", Text(bytes, message.TargetId));
        Assert.Equal("u", Text(bytes, message.UserId));

        bytes = Written(20, span => MessageWriter.WriteAuthOk(span, "server-1"u8, "client-1"u8, default));
        Find(bytes, "user").ReadNull();
        Assert.False(Read(bytes).UserId.IsPresent);

        bytes = Written(40, span => MessageWriter.WriteAuthError(span, ErrorCodes.InvalidToken, "Invalid or expired token"u8));
        Assert.Equal(["type", "error", "message"], Keys(bytes));
        Assert.Equal(MessageKind.AuthError, Read(bytes).Kind);
    }

    [Fact]
    public void WriteJoin_and_auth_round_trip()
    {
        byte[] bytes = Written(10, span => MessageWriter.WriteJoin(span, "me"u8, "store"u8));
        RepoMessage message = Read(bytes);
        Assert.Equal(MessageKind.Join, message.Kind);
        Assert.Equal("store", Text(bytes, message.StorageId));
        Assert.False(message.IsEphemeral);
        Assert.True(message.SupportsVersion1);

        bytes = Written(2, span => MessageWriter.WriteJoin(span, "me"u8, default));
        message = Read(bytes);
        Assert.False(message.StorageId.IsPresent);
        Assert.True(message.IsEphemeral);

        bytes = Written(3, span => MessageWriter.WriteAuth(span, "tok"u8));
        Assert.Equal("tok", Text(bytes, Read(bytes).Token));
        bytes = Written(0, span => MessageWriter.WriteAuth(span, default));
        Assert.True(Read(bytes).Anonymous);
    }

    private static ErrorFrame FullError(ReadOnlySpan<byte> text) => new()
    {
        Error = ErrorCodes.QuotaExceeded,
        Message = text,
        DocumentId = "148vjpuxYXixb8DcbaWyeGv2q3u"u8,
        SenderId = "server"u8,
        TargetId = "client"u8,
        Quota = "maxTotalStorage"u8,
        RetryAfter = uint.MaxValue,
        Current = ulong.MaxValue,
        Limit = 1UL << 40,
    };

    private delegate int Write(Span<byte> destination);

    // Into a span of exactly LengthMax, and into one a byte shorter than what was written.
    private static byte[] Written(int textLength, Write write)
    {
        byte[] room = new byte[MessageWriter.LengthMax(textLength)];
        int length = write(room);
        Assert.Throws<ArgumentException>(() => write(new byte[length - 1]));
        return room[..length];
    }

    private static RepoMessage Read(byte[] bytes)
    {
        Assert.Equal(ReadOutcome.Message, MessageReader.Read(bytes, out RepoMessage message, out string? why));
        Assert.Null(why);
        return message;
    }

    // The framework's reader, placed at the value of a key.
    private static CborReader Find(byte[] bytes, string key)
    {
        CborReader reader = new(bytes);
        reader.ReadStartMap();
        while (reader.ReadTextString() != key) reader.SkipValue();
        return reader;
    }

    private static List<string> Keys(ReadOnlySpan<byte> bytes)
    {
        CborReader reader = new(bytes.ToArray());
        List<string> keys = [];
        for (int? pairs = reader.ReadStartMap(); pairs > 0; pairs--)
        {
            keys.Add(reader.ReadTextString());
            reader.SkipValue();
        }

        return keys;
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(byte[] bytes, Slice slice) => Encoding.UTF8.GetString(slice.In(bytes));
}
