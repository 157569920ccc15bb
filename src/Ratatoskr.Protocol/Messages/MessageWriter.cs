using Ratatoskr.Protocol.Cbor;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Protocol.Messages;

/// <summary>
/// Writes messages into spans; each method returns the bytes written and throws if the span is too short, which one of
/// <see cref="LengthMax(int)"/> never is. Heads are the shortest, which JS and Rust both read.
/// </summary>
/// <remarks>
/// An <em>envelope</em> ends with the head of its last value, the byte string <c>data</c>: the content is shared between peers and sent behind it.
/// </remarks>
public static class MessageWriter
{
    /// <summary>
    /// Everything in a message that is not an id or text. The largest is an error with all fields: 1 for the map, 85 for keys and type,
    /// 6 text heads of up to 5 bytes, numbers of 5 + 9 + 9: 139.
    /// </summary>
    public const int OverheadMax = 144;

    /// <summary>Room for one message whose ids and texts have this many bytes together.</summary>
    public static int LengthMax(int textLength) => OverheadMax + textLength;

    /// <summary>Room for any error of this content.</summary>
    public static int LengthMax(in ErrorFrame error) => LengthMax(error.TextLength);

    /// <summary>Server: welcomes a stock client, with the server's own id and the id of its store.</summary>
    public static int WritePeer(Span<byte> destination, ReadOnlySpan<byte> senderId, ReadOnlySpan<byte> targetId, ReadOnlySpan<byte> storageId)
    {
        CborWriter writer = Begin(destination, pairs: 5, "peer"u8, senderId, targetId);
        writer.WriteText("peerMetadata"u8);
        writer.WriteMapHeader(2);
        WriteText(ref writer, "storageId"u8, storageId);
        writer.WriteText("isEphemeral"u8);
        writer.WriteBoolean(false);
        WriteText(ref writer, "selectedProtocolVersion"u8, "1"u8);
        return writer.Length;
    }

    /// <summary>Server: welcomes a Ratatoskr client. <paramref name="userId"/> is empty for an anonymous one.</summary>
    public static int WriteAuthOk(Span<byte> destination, ReadOnlySpan<byte> peerId, ReadOnlySpan<byte> clientPeerId, ReadOnlySpan<byte> userId)
    {
        CborWriter writer = new(destination);
        writer.WriteMapHeader(4);
        WriteText(ref writer, "type"u8, "auth_ok"u8);
        WriteText(ref writer, "peerId"u8, peerId);
        WriteText(ref writer, "clientPeerId"u8, clientPeerId);
        writer.WriteText("user"u8);
        if (userId.IsEmpty)
        {
            writer.WriteNull();
            return writer.Length;
        }

        writer.WriteMapHeader(1);
        WriteText(ref writer, "id"u8, userId);
        return writer.Length;
    }

    /// <summary>Server: refuses an auth; the connection is closed behind it.</summary>
    public static int WriteAuthError(Span<byte> destination, ReadOnlySpan<byte> error, ReadOnlySpan<byte> message)
    {
        CborWriter writer = new(destination);
        writer.WriteMapHeader(3);
        WriteText(ref writer, "type"u8, "auth_error"u8);
        WriteText(ref writer, "error"u8, error);
        WriteText(ref writer, "message"u8, message);
        return writer.Length;
    }

    /// <summary>Server: an error that leaves the connection as it is. Stock: only message, sender and target are set.</summary>
    public static int WriteError(Span<byte> destination, in ErrorFrame error)
    {
        CborWriter writer = new(destination);
        int pairs = 2 + Count(!error.Error.IsEmpty) + Count(!error.DocumentId.IsEmpty) + Count(!error.SenderId.IsEmpty) + Count(!error.TargetId.IsEmpty)
            + Count(!error.Quota.IsEmpty) + Count(error.RetryAfter.HasValue) + Count(error.Current.HasValue) + Count(error.Limit.HasValue);
        writer.WriteMapHeader(pairs);
        WriteText(ref writer, "type"u8, "error"u8);
        WriteTextIfAny(ref writer, "error"u8, error.Error);
        WriteTextIfAny(ref writer, "documentId"u8, error.DocumentId);
        WriteText(ref writer, "message"u8, error.Message);
        WriteNumberIfAny(ref writer, "retryAfter"u8, error.RetryAfter);
        WriteTextIfAny(ref writer, "quota"u8, error.Quota);
        WriteNumberIfAny(ref writer, "current"u8, error.Current);
        WriteNumberIfAny(ref writer, "limit"u8, error.Limit);
        WriteTextIfAny(ref writer, "senderId"u8, error.SenderId);
        WriteTextIfAny(ref writer, "targetId"u8, error.TargetId);
        return writer.Length;
    }

    /// <summary>The envelope of a <c>sync</c>, or of a <c>request</c> ("tell me if you cannot"), before <paramref name="dataLength"/> bytes of sync message.</summary>
    public static int WriteSyncEnvelope(
        Span<byte> destination, ReadOnlySpan<byte> senderId, ReadOnlySpan<byte> targetId, ReadOnlySpan<byte> documentId, bool request, int dataLength)
    {
        CborWriter writer = Begin(destination, pairs: 5, request ? "request"u8 : "sync"u8, senderId, targetId);
        WriteText(ref writer, "documentId"u8, documentId);
        return EndEnvelope(ref writer, dataLength);
    }

    /// <summary>The envelope of an ephemeral message; only the target changes when one is forwarded.</summary>
    public static int WriteEphemeralEnvelope(
        Span<byte> destination,
        ReadOnlySpan<byte> senderId,
        ReadOnlySpan<byte> targetId,
        ReadOnlySpan<byte> documentId,
        ulong count,
        ReadOnlySpan<byte> sessionId,
        int dataLength)
    {
        CborWriter writer = Begin(destination, pairs: 7, "ephemeral"u8, senderId, targetId);
        WriteText(ref writer, "documentId"u8, documentId);
        WriteText(ref writer, "sessionId"u8, sessionId);
        writer.WriteText("count"u8);
        writer.WriteNumber(count);
        return EndEnvelope(ref writer, dataLength);
    }

    public static int WriteDocUnavailable(
        Span<byte> destination, ReadOnlySpan<byte> senderId, ReadOnlySpan<byte> targetId, ReadOnlySpan<byte> documentId)
    {
        CborWriter writer = Begin(destination, pairs: 4, "doc-unavailable"u8, senderId, targetId);
        WriteText(ref writer, "documentId"u8, documentId);
        return writer.Length;
    }

    /// <summary>Reports one store's heads. Room: <see cref="LengthMax(int)"/> of all ids and <paramref name="heads"/>.</summary>
    /// <param name="heads">A CBOR array of texts: <see cref="RemoteHeads.Heads"/> as received, or from <see cref="WriteHeads"/>.</param>
    /// <param name="timestamp">Milliseconds since 1970 where the heads were seen first-hand; unchanged when forwarded.</param>
    public static int WriteRemoteHeadsChanged(
        Span<byte> destination,
        ReadOnlySpan<byte> senderId,
        ReadOnlySpan<byte> targetId,
        ReadOnlySpan<byte> documentId,
        ReadOnlySpan<byte> storageId,
        ReadOnlySpan<byte> heads,
        double timestamp)
    {
        CborWriter writer = Begin(destination, pairs: 5, "remote-heads-changed"u8, senderId, targetId);
        WriteText(ref writer, "documentId"u8, documentId);
        writer.WriteText("newHeads"u8);
        writer.WriteMapHeader(1);
        writer.WriteText(storageId);
        writer.WriteMapHeader(2);
        writer.WriteText("heads"u8);
        writer.WriteRaw(heads);
        writer.WriteText("timestamp"u8);
        writer.WriteDouble(timestamp);
        return writer.Length;
    }

    /// <summary>Room for <see cref="WriteHeads"/>: 32 bytes are at most 50 characters of base58check and a head of 2.</summary>
    public static int HeadsLengthMax(int count) => CborWriter.HeadLengthMax + (count * 52);

    /// <summary>Writes 32-byte hashes as the CBOR array of base58check texts that automerge-repo 2.x puts into <c>newHeads</c>.</summary>
    /// <exception cref="ArgumentException"><paramref name="hashes"/> is not a multiple of 32 bytes, or no room.</exception>
    public static int WriteHeads(Span<byte> destination, ReadOnlySpan<byte> hashes)
    {
        const int HashLength = 32;
        if (hashes.Length % HashLength != 0) throw new ArgumentException("not a whole number of hashes", nameof(hashes));
        CborWriter writer = new(destination);
        writer.WriteArrayHeader(hashes.Length / HashLength);
        Span<byte> text = stackalloc byte[52];
        for (; hashes.Length > 0; hashes = hashes[HashLength..])
        {
            Base58Check.TryEncode(hashes[..HashLength], text, out int length);
            writer.WriteText(text[..length]);
        }

        return writer.Length;
    }

    /// <summary>Asks for, or no longer for, the heads of these stores. Room: <see cref="LengthMax(int)"/> of all ids, and 3 bytes for each storage id.</summary>
    public static int WriteRemoteSubscriptionChange(
        Span<byte> destination, ReadOnlySpan<byte> senderId, ReadOnlySpan<byte> targetId, ReadOnlySpan<StorageId> add, ReadOnlySpan<StorageId> remove)
    {
        CborWriter writer = Begin(destination, pairs: 5, "remote-subscription-change"u8, senderId, targetId);
        WriteStorageIds(ref writer, "add"u8, add);
        WriteStorageIds(ref writer, "remove"u8, remove);
        return writer.Length;
    }

    /// <summary>Client: the stock hello. <paramref name="storageId"/> is empty for a client without a store, which is then ephemeral.</summary>
    public static int WriteJoin(Span<byte> destination, ReadOnlySpan<byte> senderId, ReadOnlySpan<byte> storageId)
    {
        CborWriter writer = new(destination);
        writer.WriteMapHeader(4);
        WriteText(ref writer, "type"u8, "join"u8);
        WriteText(ref writer, "senderId"u8, senderId);
        writer.WriteText("peerMetadata"u8);
        writer.WriteMapHeader(1 + Count(!storageId.IsEmpty));
        WriteTextIfAny(ref writer, "storageId"u8, storageId);
        writer.WriteText("isEphemeral"u8);
        writer.WriteBoolean(storageId.IsEmpty);
        writer.WriteText("supportedProtocolVersions"u8);
        writer.WriteArrayHeader(1);
        writer.WriteText("1"u8);
        return writer.Length;
    }

    /// <summary>Client: Ratatoskr's hello. <paramref name="token"/> is empty to come anonymously.</summary>
    public static int WriteAuth(Span<byte> destination, ReadOnlySpan<byte> token)
    {
        CborWriter writer = new(destination);
        writer.WriteMapHeader(2);
        WriteText(ref writer, "type"u8, "auth"u8);
        if (token.IsEmpty)
        {
            writer.WriteText("anonymous"u8);
            writer.WriteBoolean(true);
            return writer.Length;
        }

        WriteText(ref writer, "token"u8, token);
        return writer.Length;
    }

    private static CborWriter Begin(Span<byte> destination, int pairs, ReadOnlySpan<byte> type, ReadOnlySpan<byte> senderId, ReadOnlySpan<byte> targetId)
    {
        CborWriter writer = new(destination);
        writer.WriteMapHeader(pairs);
        WriteText(ref writer, "type"u8, type);
        WriteText(ref writer, "senderId"u8, senderId);
        WriteText(ref writer, "targetId"u8, targetId);
        return writer;
    }

    private static int EndEnvelope(ref CborWriter writer, int dataLength)
    {
        writer.WriteText("data"u8);
        writer.WriteBytesHeader(dataLength);
        return writer.Length;
    }

    private static void WriteText(ref CborWriter writer, scoped ReadOnlySpan<byte> key, scoped ReadOnlySpan<byte> value)
    {
        writer.WriteText(key);
        writer.WriteText(value);
    }

    private static void WriteTextIfAny(ref CborWriter writer, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (!value.IsEmpty) WriteText(ref writer, key, value);
    }

    private static void WriteNumberIfAny(ref CborWriter writer, ReadOnlySpan<byte> key, ulong? value)
    {
        if (value is not { } number) return;
        writer.WriteText(key);
        writer.WriteNumber(number);
    }

    private static void WriteStorageIds(ref CborWriter writer, ReadOnlySpan<byte> key, ReadOnlySpan<StorageId> ids)
    {
        writer.WriteText(key);
        writer.WriteArrayHeader(ids.Length);
        foreach (StorageId id in ids) writer.WriteText(id.Text);
    }

    private static int Count(bool present) => present ? 1 : 0;
}
