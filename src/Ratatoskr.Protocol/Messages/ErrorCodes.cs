namespace Ratatoskr.Protocol.Messages;

/// <summary>Codes in the <c>error</c> field that clients of the original server know.</summary>
public static class ErrorCodes
{
    public static ReadOnlySpan<byte> InvalidMessage => "invalid_message"u8;

    public static ReadOnlySpan<byte> NotAuthenticated => "not_authenticated"u8;

    public static ReadOnlySpan<byte> AlreadyAuthenticated => "already_authenticated"u8;

    public static ReadOnlySpan<byte> AuthTimeout => "auth_timeout"u8;

    /// <summary>In <c>auth_error</c>.</summary>
    public static ReadOnlySpan<byte> InvalidToken => "invalid_token"u8;

    /// <summary>In <c>auth_error</c>.</summary>
    public static ReadOnlySpan<byte> MissingCredentials => "missing_credentials"u8;

    public static ReadOnlySpan<byte> RateLimited => "rate_limited"u8;

    public static ReadOnlySpan<byte> DocumentNotFound => "document_not_found"u8;

    public static ReadOnlySpan<byte> PermissionDenied => "permission_denied"u8;

    public static ReadOnlySpan<byte> InvalidSyncMessage => "invalid_sync_message"u8;

    public static ReadOnlySpan<byte> QuotaExceeded => "quota_exceeded"u8;

    /// <summary>A change that would spoil the document is refused; the message says what is wrong with it.</summary>
    public static ReadOnlySpan<byte> InvalidChange => "invalid_change"u8;

    /// <summary>The document has, or would get, more operations than allowed.</summary>
    public static ReadOnlySpan<byte> DocumentTooLarge => "document_too_large"u8;

    public static ReadOnlySpan<byte> InvalidDocumentId => "invalid_document_id"u8;

    public static ReadOnlySpan<byte> TooManyDocuments => "too_many_documents"u8;

    /// <summary>What was taken before cannot be stored now; until it is, nothing new is taken.</summary>
    public static ReadOnlySpan<byte> StorageUnavailable => "storage_unavailable"u8;

    public static ReadOnlySpan<byte> InternalError => "internal_error"u8;
}
