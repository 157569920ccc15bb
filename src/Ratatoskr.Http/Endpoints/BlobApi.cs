using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Contracts;
using Ratatoskr.Http.Oidc;
using Ratatoskr.Http.Tokens;

namespace Ratatoskr.Http.Endpoints;

/// <summary>What the blob endpoints work with.</summary>
/// <param name="Room">For readers that take their time.</param>
/// <param name="FillRandom">Fills bytes nobody can guess: what parts of a blob are kept apart with.</param>
public sealed record BlobApi(
    BearerAuthentication Authentication,
    BlobService Blobs,
    DocumentDirectory Directory,
    RestLimits Limits,
    ResponseRoom Room,
    PublicAddress Address,
    BlobLinks Links,
    TimeProvider Time,
    Action<Span<byte>> FillRandom);

/// <summary><c>/api/v1/blobs</c>: files by the hash of their bytes; and what of them documents have claimed.</summary>
public static class BlobEndpoints
{
    internal const string Root = "/api/v1/blobs";
    private const string Upload = Root + "/upload/{uploadId}";
    private const string One = Root + "/{hash}";
    private const string OfDocument = DocumentEndpoints.Root + "/{id}/blobs";

    private static readonly string[] s_get = [HttpMethods.Get, HttpMethods.Head];

    public static void MapBlobs(this IEndpointRouteBuilder routes, BlobApi api)
    {
        ArgumentNullException.ThrowIfNull(api);
        BlobUploadEndpoints uploads = new(api);
        BlobClaimEndpoints claims = new(api);
        BlobDownload download = new(api);

        Map([HttpMethods.Post], Root, uploads.TakeAsync);
        Map(s_get, Root, claims.ListAsync);
        Map([HttpMethods.Post], Root + "/upload/init", uploads.BeginAsync);
        Map(s_get, Upload, uploads.StateAsync);
        Map([HttpMethods.Delete], Upload, uploads.AbortAsync);
        Map([HttpMethods.Put], Upload + "/chunk/{index}", uploads.ChunkAsync);
        Map([HttpMethods.Post], Upload + "/complete", uploads.CompleteAsync);
        Map([HttpMethods.Post], One + "/claim", claims.ClaimAsync);
        Map([HttpMethods.Delete], One + "/claim", claims.ReleaseAsync);
        Map([HttpMethods.Post], One + "/links", claims.LinkAsync);
        Map(s_get, OfDocument, claims.ListOfDocumentAsync);
        Map([HttpMethods.Post], OfDocument + "/{hash}", claims.ClaimForDocumentAsync);
        Map([HttpMethods.Delete], OfDocument + "/{hash}", claims.ReleaseForDocumentAsync);
        routes.MapMethods(One, s_get, api.Authentication.Optional(download.AnswerAsync));

        void Map(string[] methods, string pattern, Func<HttpContext, Principal, Task<ApiAnswer>> endpoint) => routes.MapMethods(pattern, methods, api.Authentication.Required(
            async (context, principal) =>
            {
                ResponsePlace place = api.Room.Of(context, principal);
                using ApiAnswer answer = api.Limits.Request(principal) ?? await endpoint(context, principal).ConfigureAwait(false);
                ApiAnswer sent = place.TryExpect(answer.UnaccountedLength) ? answer : ApiAnswer.NoRoom;
                await sent.WriteAsync(context, place).ConfigureAwait(false);
            }));
    }

    /// <summary>What a refusal is in HTTP.</summary>
    internal static ApiAnswer Answer(BlobRefusal refusal)
    {
        return refusal.Kind switch
        {
            BlobRefusalKind.Invalid => ApiAnswer.Invalid(refusal.Message),
            BlobRefusalKind.Unauthorized => ApiAnswer.Error(StatusCodes.Status401Unauthorized, "unauthorized", refusal.Message).With("WWW-Authenticate", "Bearer"),
            BlobRefusalKind.NotFound => ApiAnswer.NotFound(refusal.Message),
            BlobRefusalKind.Forbidden => ApiAnswer.Error(StatusCodes.Status403Forbidden, "forbidden", refusal.Message),
            BlobRefusalKind.InsufficientScope => ApiAnswer.InsufficientScope(refusal.Message),
            BlobRefusalKind.AlreadyClaimed => ApiAnswer.Error(StatusCodes.Status409Conflict, "already_claimed", refusal.Message),
            BlobRefusalKind.TooLarge => With(StatusCodes.Status400BadRequest, "blob_too_large", body => body with { MaxSize = refusal.Limit }),
            BlobRefusalKind.QuotaExceeded => With(
                StatusCodes.Status402PaymentRequired,
                "quota_exceeded",
                body => body with { Quota = "maxBlobStorage", Current = refusal.Current, Limit = refusal.Limit, Required = refusal.Required }),
            BlobRefusalKind.TooManyUploads => With(StatusCodes.Status429TooManyRequests, "too_many_uploads", body => body with { Current = refusal.Current, Limit = refusal.Limit }),
            BlobRefusalKind.Expired => ApiAnswer.Error(StatusCodes.Status410Gone, "upload_expired", refusal.Message),
            BlobRefusalKind.Completed => ApiAnswer.Error(StatusCodes.Status409Conflict, "upload_completed", refusal.Message),
            BlobRefusalKind.InvalidChunkIndex => ApiAnswer.Error(StatusCodes.Status400BadRequest, "invalid_chunk_index", refusal.Message),
            BlobRefusalKind.InvalidChunkSize => ApiAnswer.Error(StatusCodes.Status400BadRequest, "invalid_chunk_size", refusal.Message),
            BlobRefusalKind.Incomplete => With(
                StatusCodes.Status400BadRequest, "incomplete_upload", body => body with { ChunksReceived = refusal.Current, TotalChunks = refusal.Limit }),
            BlobRefusalKind.HashMismatch => With(
                StatusCodes.Status400BadRequest, "hash_mismatch", body => body with { ComputedHash = refusal.Computed.ToString(), ExpectedHash = refusal.Expected.ToString() }),
            BlobRefusalKind.Busy => ApiAnswer.Error(StatusCodes.Status503ServiceUnavailable, "service_busy", refusal.Message).With("Retry-After", "1"),
            _ => throw new ArgumentOutOfRangeException(nameof(refusal)),
        };

        ApiAnswer With(int status, string code, Func<BlobErrorBody, BlobErrorBody> figures) =>
            ApiAnswer.Json(figures(new BlobErrorBody(code, refusal.Message)), ApiJson.Default.BlobErrorBody, status);
    }

    internal static bool TryHash(HttpContext context, out BlobHash hash) => BlobHash.TryParse((string?)context.Request.RouteValues["hash"], out hash);

    internal static ApiAnswer BadHash { get; } = ApiAnswer.Invalid("Invalid blob hash format");

    /// <summary>The document that a request names as the one to read a blob through.</summary>
    /// <returns>No refusal and no document: it names none.</returns>
    internal static async ValueTask<(DocumentRecord? Document, ApiAnswer? Refusal)> DocumentAsync(BlobApi api, HttpContext context, Principal principal)
    {
        if (context.Request.Query["document"] is not { Count: > 0 } names) return (null, null);
        if (names is not [{ Length: > 0 } name]) return (null, ApiAnswer.Invalid("document: one name of a document"));
        DirectoryAnswer found = await api.Directory.FindAsync(principal, name, Permission.Read, context.RequestAborted).ConfigureAwait(false);
        if (found.Document is not null) return (found.Document, null);
        bool isScope = found.Refusal!.Kind == RefusalKind.InsufficientScope;
        return (null, isScope ? DocumentEndpoints.Answer(found.Refusal) : Answer(BlobLibrary.Hidden(principal)));
    }
}
