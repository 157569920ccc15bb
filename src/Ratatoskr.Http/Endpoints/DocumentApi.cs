using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Contracts;
using Ratatoskr.Http.Tokens;

namespace Ratatoskr.Http.Endpoints;

/// <summary>What the document endpoints work with.</summary>
/// <param name="Room">For answers that are large.</param>
/// <param name="FillRandom">Fills bytes nobody can guess: actor ids.</param>
public sealed record DocumentApi(
    BearerAuthentication Authentication, DocumentDirectory Directory, DocumentContents Contents, RestLimits Limits, ResponseRoom Room, TimeProvider Time, Action<Span<byte>> FillRandom);

/// <summary><c>/api/v1/documents</c>: who owns what, who may see it, and what is in it. Any name of a document will do in a path.</summary>
public static class DocumentEndpoints
{
    internal const string Root = "/api/v1/documents";
    private const string One = Root + "/{id}";

    private static readonly string[] s_get = [HttpMethods.Get, HttpMethods.Head];

    public static void MapDocuments(this IEndpointRouteBuilder routes, DocumentApi api)
    {
        ArgumentNullException.ThrowIfNull(api);
        DocumentRecordEndpoints records = new(api);
        DocumentSettingsEndpoints settings = new(api);
        DocumentContentEndpoints contents = new(api);
        DocumentHistoryEndpoints history = new(api);

        Map([HttpMethods.Post], Root, records.CreateAsync);
        Map(s_get, Root, records.ListAsync);
        Map(s_get, Root + "/app/{appId}", records.AppAsync);
        Map(s_get, One, records.GetAsync);
        Map([HttpMethods.Delete], One, records.DeleteAsync);
        Map(s_get, One + "/acl", settings.GetAclAsync);
        Map([HttpMethods.Put], One + "/acl", settings.PutAclAsync);
        Map([HttpMethods.Put], One + "/type", settings.PutTypeAsync);
        Map([HttpMethods.Put], One + "/expiration", settings.PutExpirationAsync);
        Map([HttpMethods.Put], One + "/content", contents.PutAsync);
        Map(s_get, One + "/export", contents.ExportAsync);
        Map(s_get, One + "/history", history.HistoryAsync);
        Map(s_get, One + "/snapshot", history.SnapshotAsync);
        Map(s_get, One + "/diff", history.DiffAsync);

        void Map(string[] methods, string pattern, Func<HttpContext, Principal, Task<ApiAnswer>> endpoint) => routes.MapMethods(pattern, methods, api.Authentication.Required(
            async (context, principal) =>
            {
                ResponsePlace place = api.Room.Of(context, principal);
                using ApiAnswer answer = api.Limits.Request(principal) ?? await AnswerAsync(endpoint, context, principal).ConfigureAwait(false);
                ApiAnswer sent = place.TryExpect(answer.UnaccountedLength) ? answer : ApiAnswer.NoRoom;
                await sent.WriteAsync(context, place).ConfigureAwait(false);
            }));
    }

    private static async Task<ApiAnswer> AnswerAsync(Func<HttpContext, Principal, Task<ApiAnswer>> endpoint, HttpContext context, Principal principal)
    {
        try
        {
            return await endpoint(context, principal).ConfigureAwait(false);
        }
        catch (NoResponseRoomException)
        {
            return ApiAnswer.NoRoom;
        }
    }

    internal static string IdOf(HttpContext context) => (string?)context.Request.RouteValues["id"] ?? "";

    /// <summary>What a refusal of the directory is in HTTP.</summary>
    internal static ApiAnswer Answer(Refusal refusal) => refusal.Kind switch
    {
        RefusalKind.Invalid => ApiAnswer.Invalid(refusal.Message),
        RefusalKind.NotFound => ApiAnswer.NotFound(refusal.Message),
        RefusalKind.Forbidden => ApiAnswer.Error(StatusCodes.Status403Forbidden, "forbidden", refusal.Message),
        RefusalKind.InsufficientScope => ApiAnswer.InsufficientScope(refusal.Message),
        RefusalKind.Conflict => ApiAnswer.Error(StatusCodes.Status409Conflict, "conflict", refusal.Message),
        RefusalKind.Moved => ApiAnswer.Moved(refusal.Message),
        RefusalKind.QuotaExceeded => ApiAnswer.Quota("maxDocuments", refusal.Message, refusal.Current, refusal.Limit),
        RefusalKind.NoUser => ApiAnswer.Error(StatusCodes.Status401Unauthorized, "unauthorized", "Authentication required"),
        _ => throw new ArgumentOutOfRangeException(nameof(refusal)),
    };

    internal static IReadOnlyList<AclEntryBody> Acl(DocumentRecord document) =>
        [.. document.Acl.Select(entry => new AclEntryBody(entry.Principal, (entry.Permission & Permission.Write) != 0 ? "write" : "read"))];

    internal static DocumentBody Describe(DocumentRecord document, bool withAcl) => new(
        document.Id,
        document.AutomergeId.ToString(),
        document.OwnerId,
        document.Type,
        document.Size,
        ApiTime.Write(document.ExpiresAt),
        ApiTime.Write(document.CreatedAt),
        ApiTime.Write(document.UpdatedAt))
    {
        Acl = withAcl ? Acl(document) : null,
    };

    internal static string Tag(DocumentRecord document) => $"\"{document.Version}\"";
}
