using System.Globalization;
using System.Text;
using System.Text.Json;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.Tests.Support;

namespace Ratatoskr.Protocol.Tests.Messages;

public class MessageReaderCaptureTests
{
    [Fact]
    public void Read_of_every_stock_frame_finds_the_recorded_fields()
    {
        Assert.True(Captures.Stock.Count > 90);
        foreach (Captured frame in Captures.Stock)
        {
            Assert.Equal(ReadOutcome.Message, MessageReader.Read(frame.Bytes, out RepoMessage message, out string? why));
            Assert.Null(why);
            AssertFields(frame, message);
        }
    }

    [Fact]
    public void Read_of_every_kind_is_covered_by_the_recordings()
    {
        HashSet<MessageKind> kinds = [];
        foreach (Captured frame in Captures.Stock.Concat(Captures.Original))
        {
            MessageReader.Read(frame.Bytes, out RepoMessage message, out _);
            kinds.Add(message.Kind);
        }

        // leave is sent by nobody; remote-* were recorded with gossip on.
        Assert.Equal(Enum.GetValues<MessageKind>().Except([MessageKind.Unknown, MessageKind.Leave]).Order(), kinds.Order());
    }

    [Fact]
    public void Read_of_frames_of_the_original_finds_auth_and_error_fields()
    {
        RepoMessage token = Read("auth, token", out byte[] bytes);
        Assert.Equal(MessageKind.Auth, token.Kind);
        Assert.Equal("abc", Text(bytes, token.Token));
        Assert.False(token.Anonymous);

        RepoMessage anonymous = Read("auth, anonymous", out _);
        Assert.Equal(MessageKind.Auth, anonymous.Kind);
        Assert.True(anonymous.Anonymous);
        Assert.False(anonymous.Token.IsPresent);

        RepoMessage ok = Read("auth_ok", out bytes);
        Assert.Equal(MessageKind.AuthOk, ok.Kind);
        Assert.Equal("server-58d9ea0b-6043-4f50-86a7-ef9420a2c8ec", Text(bytes, ok.SenderId));
        Assert.Equal("client-5233ce0c-f05d-4e1d-9bbc-249e130f41fa", Text(bytes, ok.TargetId));
        Assert.Equal("oidc:alice", Text(bytes, ok.UserId));

        RepoMessage error = Read("document_not_found", out bytes);
        Assert.Equal(MessageKind.Error, error.Kind);
        Assert.Equal("document_not_found", Text(bytes, error.ErrorCode));
        Assert.Equal("Document must be created via API before syncing", Text(bytes, error.ErrorText));
        Assert.Equal("5HP6jmBitaTnLns8HuA1KH1Aguq", Text(bytes, error.DocumentId));
    }

    private static RepoMessage Read(string name, out byte[] bytes)
    {
        Captured frame = Captures.Original.Single(frame => frame.Name.Contains(name, StringComparison.Ordinal));
        bytes = frame.Bytes;
        Assert.Equal(ReadOutcome.Message, MessageReader.Read(bytes, out RepoMessage message, out _));
        return message;
    }

    private static void AssertFields(Captured frame, RepoMessage message)
    {
        foreach (JsonProperty field in frame.Cbor.EnumerateObject())
        {
            switch (field.Name)
            {
                case "type":
                    Assert.Equal(field.Value.GetString()!.Replace("-", "", StringComparison.Ordinal), message.Kind.ToString(), ignoreCase: true);
                    break;
                case "senderId":
                    Assert.Equal(field.Value.GetString(), Text(frame.Bytes, message.SenderId));
                    break;
                case "targetId":
                    Assert.Equal(field.Value.GetString(), Text(frame.Bytes, message.TargetId));
                    break;
                case "documentId":
                    Assert.Equal(field.Value.GetString(), Text(frame.Bytes, message.DocumentId));
                    Assert.True(message.TryGetDocumentId(frame.Bytes, out _));
                    break;
                case "data":
                    AssertData(field.Value.GetString()!, message.Data.In(frame.Bytes));
                    break;
                case "count":
                    Assert.Equal(field.Value.GetUInt64(), message.Count);
                    break;
                case "sessionId":
                    Assert.Equal(field.Value.GetString(), Text(frame.Bytes, message.SessionId));
                    break;
                case "peerMetadata":
                    string storageId = field.Value.GetProperty("storageId").GetString()!;
                    Assert.Equal(storageId == "<undefined>" ? "" : storageId, Text(frame.Bytes, message.StorageId));
                    Assert.Equal(storageId != "<undefined>", message.StorageId.IsPresent);
                    Assert.Equal(field.Value.GetProperty("isEphemeral").GetBoolean(), message.IsEphemeral);
                    break;
                case "supportedProtocolVersions":
                    Assert.True(message.SupportsVersion1);
                    break;
                case "selectedProtocolVersion":
                    break;
                case "add":
                    AssertStorageIds(field.Value, frame.Bytes, message.Add);
                    break;
                case "remove":
                    AssertStorageIds(field.Value, frame.Bytes, message.Remove);
                    break;
                case "newHeads":
                    AssertHeads(field.Value, frame.Bytes, message.NewHeads);
                    break;
                default:
                    Assert.Fail("field not looked at: " + field.Name);
                    break;
            }
        }
    }

    // Recorded as h'<hex>'(length); long ones are cut off.
    private static void AssertData(string recorded, ReadOnlySpan<byte> data)
    {
        string[] parts = recorded.Split('\'');
        Assert.Equal(int.Parse(parts[2].Trim('(', ')'), CultureInfo.InvariantCulture), data.Length);
        Assert.StartsWith(parts[1], Convert.ToHexStringLower(data), StringComparison.Ordinal);
    }

    private static void AssertStorageIds(JsonElement recorded, byte[] bytes, Slice array)
    {
        List<string> found = [];
        foreach (Slice id in MessageReader.StorageIds(bytes, array)) found.Add(Text(bytes, id));
        bool isArray = recorded.ValueKind == JsonValueKind.Array;
        Assert.Equal(isArray, array.IsPresent);
        Assert.Equal(isArray ? recorded.EnumerateArray().Select(id => id.GetString()!) : [], found);
    }

    private static void AssertHeads(JsonElement recorded, byte[] bytes, Slice map)
    {
        int count = 0;
        foreach (RemoteHeads entry in MessageReader.RemoteHeads(bytes, map))
        {
            JsonElement expected = recorded.GetProperty(Text(bytes, entry.StorageId));
            Assert.Equal(expected.GetProperty("timestamp").GetDouble(), entry.Timestamp);
            Assert.Equal(expected.GetProperty("heads").GetArrayLength(), Heads(bytes, entry.Heads).Count);
            Assert.Equal(expected.GetProperty("heads").EnumerateArray().Select(head => head.GetString()!), Heads(bytes, entry.Heads));
            count++;
        }

        Assert.Equal(recorded.EnumerateObject().Count(), count);
    }

    private static List<string> Heads(byte[] bytes, Slice heads)
    {
        List<string> found = [];
        foreach (Slice head in MessageReader.StorageIds(bytes, heads)) found.Add(Text(bytes, head));
        return found;
    }

    private static string Text(byte[] bytes, Slice slice) => Encoding.UTF8.GetString(slice.In(bytes));
}
