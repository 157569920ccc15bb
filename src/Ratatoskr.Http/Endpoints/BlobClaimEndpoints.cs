using Microsoft.AspNetCore.Http;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Contracts;
using Ratatoskr.Http.Tokens;

namespace Ratatoskr.Http.Endpoints;

/// <summary>What users and documents keep: claims, and links to them.</summary>
internal sealed class BlobClaimEndpoints(BlobApi api)
{
    private const int PageUsual = 50;
    private const int PageMax = 100;

    // The original lists a document's all at once.
    private const int DocumentPageMax = 1_000;

    private BlobLibrary Library => api.Blobs.Library;

    public async Task<ApiAnswer> ListAsync(HttpContext context, Principal principal)
    {
        if (!TryPage(context, PageMax, PageUsual, out int limit, out int offset, out ApiAnswer? bad)) return bad!;
        BlobAnswer<ClaimPage> listed = await Library.ListAsync(principal, limit, offset, context.RequestAborted).ConfigureAwait(false);
        if (listed.Value is not { } page) return BlobEndpoints.Answer(listed.Refusal!);
        return ApiAnswer.Json(new BlobListBody(Describe(page.Page), page.Page.Total, page.Page.QuotaUsed, page.QuotaLimit), ApiJson.Default.BlobListBody);
    }

    public async Task<ApiAnswer> ClaimAsync(HttpContext context, Principal principal)
    {
        if (!BlobEndpoints.TryHash(context, out BlobHash hash)) return BlobEndpoints.BadHash;
        (DocumentRecord? document, ApiAnswer? refusal) = await BlobEndpoints.DocumentAsync(api, context, principal).ConfigureAwait(false);
        if (refusal is not null) return refusal;
        BlobAnswer<BlobClaim> claimed = await Library.ClaimAsync(principal, hash, document, context.RequestAborted).ConfigureAwait(false);
        return claimed.Value is { } claim ? ApiAnswer.Json(Describe(claim), ApiJson.Default.BlobClaimBody) : BlobEndpoints.Answer(claimed.Refusal!);
    }

    public async Task<ApiAnswer> ReleaseAsync(HttpContext context, Principal principal)
    {
        if (!BlobEndpoints.TryHash(context, out BlobHash hash)) return BlobEndpoints.BadHash;
        BlobRefusal? refusal = await Library.ReleaseAsync(principal, hash, context.RequestAborted).ConfigureAwait(false);
        return refusal is null ? ApiAnswer.NoContent : BlobEndpoints.Answer(refusal);
    }

    public async Task<ApiAnswer> LinkAsync(HttpContext context, Principal principal)
    {
        if (!BlobEndpoints.TryHash(context, out BlobHash hash)) return BlobEndpoints.BadHash;
        int seconds = BlobLinks.SecondsUsual;
        if (context.Request.ContentType is not null || context.Request.ContentLength > 0)
        {
            (ApiBody? body, ApiAnswer? unreadable) = await ApiBody.ReadObjectAsync(context).ConfigureAwait(false);
            using ApiBody? held = body;
            if (body is null) return unreadable!;
            if (!BlobRequests.TryReadLink(body.Root, BlobLinks.SecondsMax, ref seconds, out string why)) return ApiAnswer.Invalid(why);
        }

        (DocumentRecord? document, ApiAnswer? refusal) = await BlobEndpoints.DocumentAsync(api, context, principal).ConfigureAwait(false);
        if (refusal is not null) return refusal;
        BlobAnswer<ReadableBlob> found = await Library.FindAsync(principal, hash, document, context.RequestAborted).ConfigureAwait(false);
        if (found.Value is not { } blob) return BlobEndpoints.Answer(found.Refusal!);
        long expires = api.Time.GetUtcNow().ToUnixTimeSeconds() + seconds;
        string signature = api.Links.Sign(hash, expires, blob.MimeType);
        string url = $"{api.Address.BaseOf(context.Request)}{BlobEndpoints.Root}/{hash}?expires={expires}&type={Uri.EscapeDataString(blob.MimeType)}&signature={signature}";
        return ApiAnswer.Json(new BlobLinkBody(url, ApiTime.Write(DateTimeOffset.FromUnixTimeSeconds(expires))), ApiJson.Default.BlobLinkBody);
    }

    public async Task<ApiAnswer> ListOfDocumentAsync(HttpContext context, Principal principal)
    {
        if (!TryPage(context, DocumentPageMax, DocumentPageMax, out int limit, out int offset, out ApiAnswer? bad)) return bad!;
        DirectoryAnswer found = await FindDocumentAsync(context, principal, Permission.Read).ConfigureAwait(false);
        if (found.Document is not { } document) return DocumentEndpoints.Answer(found.Refusal!);
        BlobPage page = await Library.ListAsync(document, limit, offset, context.RequestAborted).ConfigureAwait(false);
        return ApiAnswer.Json(new DocumentBlobListBody(Describe(page), page.Total, page.TotalSize), ApiJson.Default.DocumentBlobListBody);
    }

    public async Task<ApiAnswer> ClaimForDocumentAsync(HttpContext context, Principal principal)
    {
        if (!BlobEndpoints.TryHash(context, out BlobHash hash)) return BlobEndpoints.BadHash;
        DirectoryAnswer found = await FindDocumentAsync(context, principal, Permission.Write).ConfigureAwait(false);
        if (found.Document is not { } document) return DocumentEndpoints.Answer(found.Refusal!);
        BlobAnswer<BlobClaim> claimed = await Library.ClaimForAsync(principal, document, hash, context.RequestAborted).ConfigureAwait(false);
        if (claimed.Value is not { } claim) return BlobEndpoints.Answer(claimed.Refusal!);
        return ApiAnswer.Json(
            new DocumentBlobClaimBody(claim.Hash.ToString(), claim.Size, claim.MimeType, document.Id, ApiTime.Write(claim.ClaimedAt)), ApiJson.Default.DocumentBlobClaimBody);
    }

    public async Task<ApiAnswer> ReleaseForDocumentAsync(HttpContext context, Principal principal)
    {
        if (!BlobEndpoints.TryHash(context, out BlobHash hash)) return BlobEndpoints.BadHash;
        DirectoryAnswer found = await FindDocumentAsync(context, principal, Permission.Write).ConfigureAwait(false);
        if (found.Document is not { } document) return DocumentEndpoints.Answer(found.Refusal!);
        BlobRefusal? refusal = await Library.ReleaseForAsync(document, hash, context.RequestAborted).ConfigureAwait(false);
        return refusal is null ? ApiAnswer.NoContent : BlobEndpoints.Answer(refusal);
    }

    private ValueTask<DirectoryAnswer> FindDocumentAsync(HttpContext context, Principal principal, Permission needed) =>
        api.Directory.FindAsync(principal, DocumentEndpoints.IdOf(context), needed, context.RequestAborted);

    private static bool TryPage(HttpContext context, int max, int usual, out int limit, out int offset, out ApiAnswer? bad)
    {
        offset = 0;
        bad = !DocumentRecordEndpoints.TryNumber(context.Request.Query["limit"], 1, max, usual, out limit) ? ApiAnswer.Invalid($"limit: a whole number from 1 to {max}")
            : !DocumentRecordEndpoints.TryNumber(context.Request.Query["offset"], 0, int.MaxValue, 0, out offset) ? ApiAnswer.Invalid("offset: a whole number, at least 0")
            : null;
        return bad is null;
    }

    private static IReadOnlyList<BlobClaimBody> Describe(BlobPage page) => [.. page.Claims.Select(Describe)];

    private static BlobClaimBody Describe(BlobClaim claim) => new(claim.Hash.ToString(), claim.Size, claim.MimeType, ApiTime.Write(claim.ClaimedAt));
}
