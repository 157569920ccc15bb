using System.Text.Unicode;
using Ratatoskr.Protocol.Cbor;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Protocol.Messages;

/// <summary>
/// Reads one automerge-repo or Ratatoskr message: one CBOR map, keys in any order, unknown keys stepped over. Allocates nothing.
/// </summary>
/// <remarks>
/// Ids are relayed to other peers inside our own envelopes, so their lengths are bounded and their bytes are checked to be UTF-8 here.
/// A known key that comes twice is refused (RFC 8949 §5.6), so that no two readers can see different senders in one message.
/// Messages of both directions are read: servers and the .NET client share this.
/// </remarks>
public static class MessageReader
{
    /// <summary>Bytes. Session ids are short random strings or UUIDs.</summary>
    public const int SessionIdLengthMax = 256;

    /// <summary>Bytes. A JWT with many claims is a few KiB.</summary>
    public const int TokenLengthMax = 16 * 1024;

    private const int ProtocolVersionLengthMax = 256;

    private enum Field : byte
    {
        Unknown, Type, SenderId, TargetId, DocumentId, Data, Count, SessionId, PeerMetadata, Metadata, SupportedProtocolVersions,
        Token, Anonymous, PeerId, ClientPeerId, User, Error, Message, Add, Remove, NewHeads,
    }

    /// <summary>Reads a whole message.</summary>
    /// <param name="message">Meaningful only with <see cref="ReadOutcome.Message"/>.</param>
    /// <param name="why">Otherwise: what is wrong, a constant text naming the field.</param>
    public static ReadOutcome Read(ReadOnlySpan<byte> payload, out RepoMessage message, out string? why)
    {
        message = default;
        why = null;
        CborCursor cursor = new(payload);
        if (!cursor.TryReadMapStart(out CborItems pairs))
        {
            bool sound = CborCursor.IsWellFormed(payload);
            why = sound ? "message is not a CBOR map" : "message is not CBOR";
            return sound ? ReadOutcome.Refused : ReadOutcome.Undecodable;
        }

        Reading reading = new(payload);
        while (cursor.MoveNext(ref pairs))
        {
            Field field = cursor.TryReadText(out Slice key) ? ToField(key.In(payload)) : Field.Unknown;
            bool keyRead = key.IsPresent;
            if ((!keyRead && !cursor.TrySkip()) || !reading.TryTake(ref cursor, field)) return Undecodable(out why);
        }

        if (!cursor.IsAtEnd) return Undecodable(out why);
        why = reading.Finish(out message);
        return why is null ? ReadOutcome.Message : ReadOutcome.Refused;
    }

    /// <summary>The storage ids of <see cref="RepoMessage.Add"/> or <see cref="RepoMessage.Remove"/>; none when absent.</summary>
    public static TextEnumerator StorageIds(ReadOnlySpan<byte> payload, Slice array) => new(payload, array, StorageId.LengthMax);

    /// <summary>The entries of <see cref="RepoMessage.NewHeads"/>; none when absent.</summary>
    public static RemoteHeadsEnumerator RemoteHeads(ReadOnlySpan<byte> payload, Slice newHeads) => new(payload, newHeads);

    private static ReadOutcome Undecodable(out string? why)
    {
        why = "message is not CBOR";
        return ReadOutcome.Undecodable;
    }

    private static Field ToField(ReadOnlySpan<byte> key) => key.Length switch
    {
        3 when key.SequenceEqual("add"u8) => Field.Add,
        4 when key.SequenceEqual("type"u8) => Field.Type,
        4 when key.SequenceEqual("data"u8) => Field.Data,
        4 when key.SequenceEqual("user"u8) => Field.User,
        5 when key.SequenceEqual("count"u8) => Field.Count,
        5 when key.SequenceEqual("token"u8) => Field.Token,
        5 when key.SequenceEqual("error"u8) => Field.Error,
        6 when key.SequenceEqual("remove"u8) => Field.Remove,
        6 when key.SequenceEqual("peerId"u8) => Field.PeerId,
        7 when key.SequenceEqual("message"u8) => Field.Message,
        8 when key.SequenceEqual("senderId"u8) => Field.SenderId,
        8 when key.SequenceEqual("targetId"u8) => Field.TargetId,
        8 when key.SequenceEqual("newHeads"u8) => Field.NewHeads,
        8 when key.SequenceEqual("metadata"u8) => Field.Metadata,
        9 when key.SequenceEqual("sessionId"u8) => Field.SessionId,
        9 when key.SequenceEqual("anonymous"u8) => Field.Anonymous,
        10 when key.SequenceEqual("documentId"u8) => Field.DocumentId,
        12 when key.SequenceEqual("peerMetadata"u8) => Field.PeerMetadata,
        12 when key.SequenceEqual("clientPeerId"u8) => Field.ClientPeerId,
        25 when key.SequenceEqual("supportedProtocolVersions"u8) => Field.SupportedProtocolVersions,
        _ => Field.Unknown,
    };

    private static MessageKind ToKind(ReadOnlySpan<byte> type) => type.Length switch
    {
        4 when type.SequenceEqual("sync"u8) => MessageKind.Sync,
        4 when type.SequenceEqual("join"u8) => MessageKind.Join,
        4 when type.SequenceEqual("peer"u8) => MessageKind.Peer,
        4 when type.SequenceEqual("auth"u8) => MessageKind.Auth,
        5 when type.SequenceEqual("leave"u8) => MessageKind.Leave,
        5 when type.SequenceEqual("error"u8) => MessageKind.Error,
        7 when type.SequenceEqual("request"u8) => MessageKind.Request,
        7 when type.SequenceEqual("auth_ok"u8) => MessageKind.AuthOk,
        9 when type.SequenceEqual("ephemeral"u8) => MessageKind.Ephemeral,
        10 when type.SequenceEqual("auth_error"u8) => MessageKind.AuthError,
        15 when type.SequenceEqual("doc-unavailable"u8) => MessageKind.DocUnavailable,
        20 when type.SequenceEqual("remote-heads-changed"u8) => MessageKind.RemoteHeadsChanged,
        26 when type.SequenceEqual("remote-subscription-change"u8) => MessageKind.RemoteSubscriptionChange,
        _ => MessageKind.Unknown,
    };

    /// <summary>A message half read. Faults are kept until the end: in a message of unknown type nothing is a fault.</summary>
    private ref struct Reading(ReadOnlySpan<byte> payload)
    {
        private readonly ReadOnlySpan<byte> _payload = payload;
        private RepoMessage _message;
        private string? _fault;
        private uint _seen;                 // one bit per Field
        private Slice _metadataStorageId;   // under `metadata`, which `peerMetadata` outranks
        private bool? _isEphemeral;
        private bool? _metadataIsEphemeral;
        private bool _lacksVersion1;
        private Slice _peerId;              // of an auth_ok, which has no senderId
        private Slice _clientPeerId;

        /// <summary>Takes one value.</summary>
        /// <returns>false: malformed CBOR.</returns>
        public bool TryTake(ref CborCursor cursor, Field field)
        {
            if (field != Field.Unknown && (_seen & (1u << (int)field)) != 0) _fault ??= "a key comes twice";
            _seen |= 1u << (int)field;
            if (field == Field.Unknown) return cursor.TrySkip();
            if (cursor.TryReadNil()) return true;

            int start = cursor.Position;
            string? fault = Take(ref cursor, field);
            if (fault is null) return true;

            // Of another type than it should be, if it is anything at all.
            _fault ??= fault;
            if (cursor.Position != start) cursor = new CborCursor(_payload, new Slice(start, _payload.Length - start));
            return cursor.TrySkip();
        }

        /// <summary>The message, or why it is refused.</summary>
        public readonly string? Finish(out RepoMessage message)
        {
            message = _message;
            if (!message.Type.IsPresent) return _fault ?? "message has no type";
            message.Kind = ToKind(message.Type.In(_payload));
            if (message.Kind == MessageKind.Unknown)
            {
                message = new RepoMessage { Type = message.Type };
                return null;
            }

            if (message.Kind == MessageKind.AuthOk) (message.SenderId, message.TargetId) = (_peerId, _clientPeerId);
            if (!message.StorageId.IsPresent) message.StorageId = _metadataStorageId;
            message.IsEphemeral = _isEphemeral ?? _metadataIsEphemeral ?? !message.StorageId.IsPresent;
            message.SupportsVersion1 = !_lacksVersion1;
            return _fault;
        }

        private string? Take(ref CborCursor cursor, Field field)
        {
            switch (field)
            {
                case Field.Type:
                    bool typed = cursor.TryReadText(out Slice type);
                    _message.Type = type;
                    return typed ? null : "type is not a text string";
                case Field.SenderId:
                    _message.SenderId = ReadId(ref cursor, PeerId.LengthMax);
                    return _message.SenderId.IsPresent ? null : "senderId is not a text of at most 1024 bytes";
                case Field.TargetId:
                    _message.TargetId = ReadId(ref cursor, PeerId.LengthMax);
                    return _message.TargetId.IsPresent ? null : "targetId is not a text of at most 1024 bytes";
                case Field.DocumentId:
                    return TakeDocumentId(ref cursor);
                case Field.Data:
                    bool isBytes = cursor.TryReadBytes(out Slice data);
                    _message.Data = data;
                    return isBytes ? null : "data is not a byte string of definite length";
                case Field.Count:
                    bool isCount = cursor.TryReadUnsigned(out ulong count);
                    _message.Count = count;
                    return isCount ? null : "count is not a whole number from 0 up";
                case Field.SessionId:
                    _message.SessionId = ReadId(ref cursor, SessionIdLengthMax);
                    return _message.SessionId.IsPresent ? null : "sessionId is not a text of at most 256 bytes";
                default:
                    return TakeRare(ref cursor, field);
            }
        }

        // What comes once per connection, or hardly ever.
        private string? TakeRare(ref CborCursor cursor, Field field)
        {
            switch (field)
            {
                case Field.PeerMetadata:
                    bool sound = TryReadMetadata(ref cursor, out Slice storageId, out _isEphemeral);
                    _message.StorageId = storageId;
                    return sound ? null : "peerMetadata is not a map with a storageId of at most 256 bytes and a Boolean isEphemeral";
                case Field.Metadata:
                    return TryReadMetadata(ref cursor, out _metadataStorageId, out _metadataIsEphemeral)
                        ? null
                        : "metadata is not a map with a storageId of at most 256 bytes and a Boolean isEphemeral";
                case Field.SupportedProtocolVersions:
                    return TakeVersions(ref cursor) ? null : "supportedProtocolVersions is not an array of text strings";
                case Field.Token:
                    _message.Token = ReadId(ref cursor, TokenLengthMax);
                    return _message.Token.IsPresent ? null : "token is not a text of at most 16384 bytes";
                case Field.Anonymous:
                    bool isBoolean = cursor.TryReadBoolean(out bool anonymous);
                    _message.Anonymous = anonymous;
                    return isBoolean ? null : "anonymous is not a Boolean";
                case Field.PeerId:
                    _peerId = ReadId(ref cursor, PeerId.LengthMax);
                    return _peerId.IsPresent ? null : "peerId is not a text of at most 1024 bytes";
                case Field.ClientPeerId:
                    _clientPeerId = ReadId(ref cursor, PeerId.LengthMax);
                    return _clientPeerId.IsPresent ? null : "clientPeerId is not a text of at most 1024 bytes";
                case Field.User:
                    return TakeUser(ref cursor) ? null : "user is not a map with a text id";
                case Field.Error:
                    _message.ErrorCode = ReadId(ref cursor, int.MaxValue);
                    return _message.ErrorCode.IsPresent ? null : "error is not a text string";
                case Field.Message:
                    _message.ErrorText = ReadId(ref cursor, int.MaxValue);
                    return _message.ErrorText.IsPresent ? null : "message is not a text string";
                case Field.Add:
                    _message.Add = ReadStorageIds(ref cursor);
                    return _message.Add.IsPresent ? null : "add is not an array of texts of at most 256 bytes";
                case Field.Remove:
                    _message.Remove = ReadStorageIds(ref cursor);
                    return _message.Remove.IsPresent ? null : "remove is not an array of texts of at most 256 bytes";
                default:
                    _message.NewHeads = ReadNewHeads(ref cursor);
                    return _message.NewHeads.IsPresent ? null : "newHeads is not a map of {heads, timestamp} by storage id";
            }
        }

        private string? TakeDocumentId(ref CborCursor cursor)
        {
            _message.DocumentIdIsPayload = cursor.TryReadBytes(out Slice id);
            if (!_message.DocumentIdIsPayload) id = ReadId(ref cursor, DocumentId.LengthMax);
            _message.DocumentId = id;
            return id.IsPresent && id.Length <= DocumentId.LengthMax ? null : "documentId is not a text or byte string of at most 512 bytes";
        }

        // Absent when it is not a text, too long or not UTF-8.
        private readonly Slice ReadId(ref CborCursor cursor, int lengthMax) =>
            cursor.TryReadText(out Slice text) && text.Length <= lengthMax && Utf8.IsValid(text.In(_payload)) ? text : default;

        private readonly bool TryReadMetadata(ref CborCursor cursor, out Slice storageId, out bool? isEphemeral)
        {
            storageId = default;
            isEphemeral = null;
            if (!cursor.TryReadMapStart(out CborItems pairs)) return false;
            while (cursor.MoveNext(ref pairs))
            {
                ReadOnlySpan<byte> key = cursor.TryReadText(out Slice name) ? name.In(_payload) : default;
                if (!name.IsPresent && !cursor.TrySkip()) return false;
                if (cursor.TryReadNil()) continue;
                if (key.SequenceEqual("storageId"u8))
                {
                    storageId = ReadId(ref cursor, StorageId.LengthMax);
                    if (!storageId.IsPresent) return false;
                }
                else if (key.SequenceEqual("isEphemeral"u8))
                {
                    if (!cursor.TryReadBoolean(out bool value)) return false;
                    isEphemeral = value;
                }
                else if (!cursor.TrySkip())
                {
                    return false;
                }
            }

            return true;
        }

        private bool TakeUser(ref CborCursor cursor)
        {
            if (!cursor.TryReadMapStart(out CborItems pairs)) return false;
            while (cursor.MoveNext(ref pairs))
            {
                bool isId = cursor.TryReadText(out Slice name) && name.In(_payload).SequenceEqual("id"u8);
                if (!name.IsPresent && !cursor.TrySkip()) return false;
                if (isId) _message.UserId = ReadId(ref cursor, int.MaxValue);
                else if (!cursor.TrySkip()) return false;
                if (isId && !_message.UserId.IsPresent) return false;
            }

            return true;
        }

        private bool TakeVersions(ref CborCursor cursor)
        {
            Slice array = ReadRaw(ref cursor);
            TextEnumerator versions = new(_payload, array, ProtocolVersionLengthMax);
            _lacksVersion1 = true;
            while (versions.MoveNext())
            {
                if (versions.Current.In(_payload).SequenceEqual("1"u8)) _lacksVersion1 = false;
            }

            return array.IsPresent && !versions.Failed;
        }

        private readonly Slice ReadStorageIds(ref CborCursor cursor)
        {
            Slice array = ReadRaw(ref cursor);
            TextEnumerator ids = StorageIds(_payload, array);
            while (ids.MoveNext())
            {
            }

            return ids.Failed ? default : array;
        }

        private readonly Slice ReadNewHeads(ref CborCursor cursor)
        {
            Slice map = ReadRaw(ref cursor);
            RemoteHeadsEnumerator entries = RemoteHeads(_payload, map);
            while (entries.MoveNext())
            {
            }

            return entries.Failed ? default : map;
        }

        private static Slice ReadRaw(ref CborCursor cursor)
        {
            int start = cursor.Position;
            return cursor.TrySkip() ? new Slice(start, cursor.Position - start) : default;
        }
    }
}
