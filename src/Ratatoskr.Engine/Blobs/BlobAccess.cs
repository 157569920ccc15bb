using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Blobs;

/// <summary>
/// Says who may read a blob: who has claimed it, and who may read a document that has. To all others it is not there; and who has not said who he is hears the same of every blob.
/// A credential for some documents reads the blobs of these documents only.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class BlobAccess(BlobOptions options)
{
    // Each may be a walk along other documents. Who reads through one beyond them can name it.
    private const int HoldersMax = 1_000;

    private static readonly bool[] s_ownFirst = [true, false];

    /// <param name="document">The one document to look at, which the caller may read; null for any.</param>
    public async ValueTask<BlobAnswer<ReadableBlob>> FindAsync(Principal principal, BlobHash hash, DocumentRecord? document, CancellationToken stop)
    {
        if (options.Rule == BlobRule.Capability)
        {
            // Everybody gets the same, whatever he has named it himself: anybody's cache may keep it for all.
            return await options.Index.FindAsync(hash, stop) is { } blob ? new ReadableBlob(hash, blob.MimeType) : NotFound;
        }

        if ((principal.Scopes.Documents & Permission.Read) == 0) return new BlobRefusal(BlobRefusalKind.InsufficientScope, "read");
        if (document is not null)
        {
            if (await options.Index.FindClaimAsync(document.AutomergeId, hash, stop) is { } its) return new ReadableBlob(hash, its.MimeType);
        }
        else
        {
            if (!principal.IsAnonymous && principal.Scopes.IsForAllDocuments && await options.Index.FindClaimAsync(principal.Id, hash, stop) is { } own)
                return new ReadableBlob(hash, own.MimeType);
            if (await ThroughDocumentsAsync(principal, hash, stop) is { } mimeType) return new ReadableBlob(hash, mimeType);
        }

        return Hidden(principal);
    }

    /// <summary>What somebody hears of a blob that is not there, or not for him.</summary>
    public static BlobRefusal Hidden(Principal principal) => principal.IsAnonymous ? new BlobRefusal(BlobRefusalKind.Unauthorized, "Authentication required") : NotFound;

    private static BlobRefusal NotFound => new(BlobRefusalKind.NotFound, "Blob not found");

    private async ValueTask<string?> ThroughDocumentsAsync(Principal principal, BlobHash hash, CancellationToken stop)
    {
        IReadOnlyList<BlobHolder> holders = await options.Index.HoldersAsync(hash, after: 0, HoldersMax, stop);
        Timestamp now = new(options.Time.GetUtcNow().ToUnixTimeMilliseconds());

        // His own need no walk.
        foreach (bool own in s_ownFirst)
        {
            foreach (BlobHolder holder in holders)
            {
                if (own != (!principal.IsAnonymous && holder.OwnerId == principal.Id)) continue;
                AccessDecision decision = await options.Access.DecideAsync(principal, holder.Document, now, stop);
                if (decision is { Exists: true, MayRead: true }) return holder.MimeType;
            }
        }

        return null;
    }
}
