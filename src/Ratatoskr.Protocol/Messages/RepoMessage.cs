using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Protocol.Messages;

/// <summary>
/// One message as offsets into its bytes. Made by <see cref="MessageReader"/>, which has checked lengths and UTF-8 of every id; which fields a
/// kind needs is for its handler to ask (<see cref="Slice.IsPresent"/>), because their answers differ. null and undefined count as absent.
/// </summary>
/// <remarks>A plain value without references: may be stored beside the bytes and read on any thread.</remarks>
public struct RepoMessage
{
    public MessageKind Kind { get; internal set; }

    /// <summary>The type as sent, for the log.</summary>
    public Slice Type { get; internal set; }

    /// <summary>UTF-8, at most <see cref="PeerId.LengthMax"/>. Of an <see cref="MessageKind.AuthOk"/>: the server's <c>peerId</c>.</summary>
    public Slice SenderId { get; internal set; }

    /// <summary>UTF-8, at most <see cref="PeerId.LengthMax"/>. Of an <see cref="MessageKind.AuthOk"/>: <c>clientPeerId</c>.</summary>
    public Slice TargetId { get; internal set; }

    /// <summary>At most <see cref="Identifiers.DocumentId.LengthMax"/>; whether it is an id at all, <see cref="TryGetDocumentId"/> tells.</summary>
    public Slice DocumentId { get; internal set; }

    /// <summary><see cref="DocumentId"/> came as a byte string and is the id's payload, not its text.</summary>
    public bool DocumentIdIsPayload { get; internal set; }

    /// <summary>The sync message of request and sync, the application's CBOR of ephemeral: not looked into.</summary>
    public Slice Data { get; internal set; }

    /// <summary>Of an ephemeral message: UTF-8, at most <see cref="MessageReader.SessionIdLengthMax"/>.</summary>
    public Slice SessionId { get; internal set; }

    /// <summary>Of an ephemeral message: strictly increasing per (sender, session). 0 when absent; senders count from 1.</summary>
    public ulong Count { get; internal set; }

    /// <summary>Of join and peer: UTF-8, at most <see cref="Identifiers.StorageId.LengthMax"/>.</summary>
    public Slice StorageId { get; internal set; }

    /// <summary>Of join and peer: "do not bother to keep sync state for me". Defaults to having no storage id.</summary>
    public bool IsEphemeral { get; internal set; }

    /// <summary>Of a join: protocol version "1" is among those offered, or none was offered at all (1.0 clients).</summary>
    public bool SupportsVersion1 { get; internal set; }

    /// <summary>Of an auth: at most <see cref="MessageReader.TokenLengthMax"/>. A secret: never logged.</summary>
    public Slice Token { get; internal set; }

    /// <summary>Of an auth: <c>anonymous: true</c>.</summary>
    public bool Anonymous { get; internal set; }

    /// <summary>Of an auth_ok: <c>user.id</c>; absent for an anonymous user.</summary>
    public Slice UserId { get; internal set; }

    /// <summary>Of error and auth_error: the code (<c>error</c>), which stock servers do not send.</summary>
    public Slice ErrorCode { get; internal set; }

    /// <summary>Of error and auth_error: <c>message</c>, for people.</summary>
    public Slice ErrorText { get; internal set; }

    /// <summary>Of remote-subscription-change: an array of storage ids (see <see cref="MessageReader.StorageIds"/>).</summary>
    public Slice Add { get; internal set; }

    /// <inheritdoc cref="Add"/>
    public Slice Remove { get; internal set; }

    /// <summary>Of remote-heads-changed: a map by storage id (see <see cref="MessageReader.RemoteHeads"/>).</summary>
    public Slice NewHeads { get; internal set; }

    /// <summary>Makes the document id, verifying its checksum. Known documents are found faster by the bytes of <see cref="DocumentId"/>.</summary>
    public readonly bool TryGetDocumentId(ReadOnlySpan<byte> message, out DocumentId id) => DocumentIdIsPayload
        ? Identifiers.DocumentId.TryFromPayload(DocumentId.In(message), out id)
        : Identifiers.DocumentId.TryParse(DocumentId.In(message), out id);
}
