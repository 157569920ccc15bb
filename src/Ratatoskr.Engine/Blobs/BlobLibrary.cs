using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Blobs;

/// <summary>Blobs as things that users and documents have claimed: finds, opens, claims, releases and lists them for a principal.</summary>
/// <remarks>
/// Safe on any thread. Claiming waits for nobody: it and the collector's forgetting are one transaction each, so a blob is claimed and stays, or is not there. Its bytes go after that.
/// </remarks>
public sealed class BlobLibrary
{
    private const string BlobsWrite = "blobs:write";

    private readonly BlobOptions _options;
    private readonly BlobAccess _access;

    internal BlobLibrary(BlobOptions options)
    {
        _options = options;
        _access = new BlobAccess(options);
    }

    /// <summary>Whoever knows the hash may read.</summary>
    public bool IsCapability => _options.Rule == BlobRule.Capability;

    /// <summary>What somebody hears of a blob that is not there, or not for him.</summary>
    public static BlobRefusal Hidden(Principal principal) => BlobAccess.Hidden(principal);

    /// <summary>A blob that the principal may read.</summary>
    /// <param name="document">The one document to look at, which the caller may read; null for any.</param>
    public async ValueTask<BlobAnswer<ReadableBlob>> FindAsync(Principal principal, BlobHash hash, DocumentRecord? document, CancellationToken stop) =>
        Counted(await _access.FindAsync(principal, hash, document, stop));

    /// <summary>The bytes of a blob that may be read.</summary>
    /// <returns>null: they are not there, or not all of them, which is in the log now; or the blob has gone meanwhile.</returns>
    public async ValueTask<IBlobContent?> OpenAsync(BlobHash hash, CancellationToken stop)
    {
        IBlobContent? content = await _options.Store.OpenAsync(hash, stop);
        bool isWhole = false;
        try
        {
            if (await _options.Index.FindAsync(hash, stop) is not { } record) return null;
            string? fault = FaultOf(content, record);
            if (fault is not null) _options.Log.Missing(hash, fault);
            isWhole = fault is null;
            return isWhole ? content : null;
        }
        finally
        {
            if (content is not null && !isWhole) await content.DisposeAsync();
        }
    }

    /// <summary>Makes a blob that the principal may read his own claim.</summary>
    public async ValueTask<BlobAnswer<BlobClaim>> ClaimAsync(Principal principal, BlobHash hash, DocumentRecord? document, CancellationToken stop)
    {
        if (MayNotWrite(principal) is { } scope) return Counted(scope);
        BlobAnswer<ReadableBlob> found = await _access.FindAsync(principal, hash, document, stop);
        if (found.Value is not { } blob) return Counted(found.Refusal!);
        RoomOutcome outcome = await _options.Index.ClaimAsync(principal.Id, hash, blob.MimeType, _options.Time.GetUtcNow(), CancellationToken.None);
        return await ClaimedAsync(outcome, principal, hash, "You have already claimed this blob", stop);
    }

    /// <summary>Makes a blob that the principal may read the claim of a document, which he may write.</summary>
    public async ValueTask<BlobAnswer<BlobClaim>> ClaimForAsync(Principal principal, DocumentRecord document, BlobHash hash, CancellationToken stop)
    {
        BlobAnswer<ReadableBlob> found = await _access.FindAsync(principal, hash, document: null, stop);
        if (found.Value is not { } blob) return Counted(found.Refusal!);
        RoomOutcome outcome = await _options.Index.ClaimAsync(document.AutomergeId, hash, blob.MimeType, _options.Time.GetUtcNow(), CancellationToken.None);
        return await ClaimedAsync(outcome, principal, hash, "The document has already claimed this blob", stop);
    }

    public async ValueTask<BlobRefusal?> ReleaseAsync(Principal principal, BlobHash hash, CancellationToken stop)
    {
        if (MayNotWrite(principal) is { } scope) return Counted(scope);
        return await _options.Index.ReleaseAsync(principal.Id, hash, _options.Time.GetUtcNow(), stop)
            ? null
            : Counted(new BlobRefusal(BlobRefusalKind.NotFound, "You have not claimed this blob"));
    }

    /// <param name="document">He may write it.</param>
    public async ValueTask<BlobRefusal?> ReleaseForAsync(DocumentRecord document, BlobHash hash, CancellationToken stop) =>
        await _options.Index.ReleaseAsync(document.AutomergeId, hash, _options.Time.GetUtcNow(), stop)
            ? null
            : Counted(new BlobRefusal(BlobRefusalKind.NotFound, "Document has not claimed this blob"));

    /// <summary>The principal's own claims.</summary>
    public async ValueTask<BlobAnswer<ClaimPage>> ListAsync(Principal principal, int limit, int offset, CancellationToken stop)
    {
        if ((principal.Scopes.Documents & Permission.Read) == 0 || !principal.Scopes.IsForAllDocuments) return Counted(new BlobRefusal(BlobRefusalKind.InsufficientScope, "read"));
        if (await _options.Accounts.FindUserAsync(principal.Id, stop) is not { } user) return Counted(new BlobRefusal(BlobRefusalKind.Unauthorized, "Authentication required"));
        return new ClaimPage(await _options.Index.ListAsync(principal.Id, limit, offset, stop), user.Quotas.MaxBlobStorage);
    }

    /// <param name="document">The caller may read it.</param>
    public ValueTask<BlobPage> ListAsync(DocumentRecord document, int limit, int offset, CancellationToken stop) =>
        _options.Index.ListAsync(document.AutomergeId, limit, offset, stop);

    /// <summary>What is wrong with a blob's bytes, as far as that shows without reading them; null: nothing.</summary>
    internal static string? FaultOf(IBlobContent? content, BlobRecord record) =>
        content is null ? "it is not in the store" : content.Length == record.Size ? null : $"the store has {content.Length} bytes of {record.Size}";

    /// <summary>A user's own claims are out of reach of a credential for some documents.</summary>
    internal static BlobRefusal? MayNotWrite(Principal principal) =>
        principal.Scopes is { MayWriteBlobs: true, IsForAllDocuments: true } ? null : new BlobRefusal(BlobRefusalKind.InsufficientScope, BlobsWrite);

    /// <summary>What a user is told when there is no room for something of his.</summary>
    internal static BlobRefusal? NoRoom(in RoomOutcome outcome, long required) => outcome.Result switch
    {
        RoomResult.TooLarge => new BlobRefusal(BlobRefusalKind.TooLarge, $"A blob may have {outcome.Limit} bytes at most") { Limit = outcome.Limit, Required = required },
        RoomResult.QuotaExceeded => new BlobRefusal(BlobRefusalKind.QuotaExceeded, "There is no room for this blob") { Current = outcome.Current, Limit = outcome.Limit, Required = required },
        RoomResult.TooManyUploads => new BlobRefusal(BlobRefusalKind.TooManyUploads, $"{outcome.Limit} uploads are under way already") { Current = outcome.Current, Limit = outcome.Limit },
        _ => null,
    };

    private async ValueTask<BlobAnswer<BlobClaim>> ClaimedAsync(RoomOutcome outcome, Principal principal, BlobHash hash, string already, CancellationToken stop)
    {
        switch (outcome.Result)
        {
            case RoomResult.Done:
                return outcome.Claim!;
            case RoomResult.AlreadyClaimed:
                return Counted(new BlobRefusal(BlobRefusalKind.AlreadyClaimed, already));
            case RoomResult.NotFound:
                return Counted(BlobAccess.Hidden(principal));
            default:
                long size = (await _options.Index.FindAsync(hash, stop))?.Size ?? 0;
                return Counted(NoRoom(outcome, size)!);
        }
    }

    private BlobRefusal Counted(BlobRefusal refusal)
    {
        _options.Metrics.Refused(refusal.Kind);
        return refusal;
    }

    private BlobAnswer<T> Counted<T>(BlobAnswer<T> answer)
        where T : class
    {
        if (answer.Refusal is { } refusal) Counted(refusal);
        return answer;
    }
}
