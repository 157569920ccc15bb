namespace Ratatoskr.Protocol.Messages;

/// <summary>The <c>type</c> of a message.</summary>
public enum MessageKind : byte
{
    /// <summary>A type we do not know, to be ignored; only <see cref="RepoMessage.Type"/> is set.</summary>
    Unknown,

    /// <summary>Client: the first message of a stock automerge-repo client.</summary>
    Join,

    /// <summary>Server: answer to <see cref="Join"/>.</summary>
    Peer,
    Error,
    Request,
    Sync,
    DocUnavailable,
    Ephemeral,
    RemoteSubscriptionChange,
    RemoteHeadsChanged,

    /// <summary>In the written protocol only; the same as closing.</summary>
    Leave,

    /// <summary>Client: the first message of a Ratatoskr client.</summary>
    Auth,

    /// <summary>Server: answer to <see cref="Auth"/>.</summary>
    AuthOk,
    AuthError,
}
