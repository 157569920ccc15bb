using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.Endpoints;

/// <summary>Documents as such: created, listed, looked at, deleted.</summary>
internal sealed class DocumentRecordEndpoints(DocumentApi api)
{
    // The original lists everything at once; whoever has more than this finds a cursor in the answer.
    private const int PageLength = 1_000;

    // In a cursor, before the store's own: which of the two lists it goes on with.
    private const char OwnedMark = 'o';
    private const char AccessibleMark = 'a';

    public async Task<ApiAnswer> CreateAsync(HttpContext context, Principal principal)
    {
        (ApiBody? body, ApiAnswer? refusal) = await ApiBody.ReadObjectAsync(context).ConfigureAwait(false);
        using ApiBody? held = body;
        if (body is null) return refusal!;
        if (!DocumentRequests.TryReadNew(body.Root, out NewDocument wanted, out string why)) return ApiAnswer.Invalid(why);
        if (api.Limits.Creation(principal) is { } tooMany) return tooMany;
        DirectoryAnswer made = await api.Directory.CreateAsync(principal, wanted, context.RequestAborted).ConfigureAwait(false);
        if (made.Document is not { } document) return DocumentEndpoints.Answer(made.Refusal!);
        CreatedBody created = new(
            document.Id,
            document.AutomergeId.ToString(),
            document.OwnerId,
            document.Type,
            DocumentEndpoints.Acl(document),
            ApiTime.Write(document.CreatedAt),
            ApiTime.Write(document.ExpiresAt));
        return ApiAnswer.Json(created, ApiJson.Default.CreatedBody).With("ETag", DocumentEndpoints.Tag(document));
    }

    public async Task<ApiAnswer> ListAsync(HttpContext context, Principal principal)
    {
        IQueryCollection query = context.Request.Query;
        if (!TryNumber(query["limit"], 1, PageLength, PageLength, out int limit)) return ApiAnswer.Invalid($"limit: a whole number from 1 to {PageLength}");
        if (!TryFlag(query["public"], out bool isPublic)) return ApiAnswer.Invalid("public: true or false");
        string? cursor = query["cursor"];
        char list = default;
        if (!StringValues.IsNullOrEmpty(query["cursor"]))
        {
            list = cursor![0];
            cursor = cursor[1..];
            if (list is not (OwnedMark or AccessibleMark) || !PageCursor.TryParse(cursor, out _)) return ApiAnswer.Invalid("cursor: it is none of this server's");
        }

        PageRequest page = new(limit, list == default ? null : cursor);
        ListRequest request = new(list == AccessibleMark ? null : page, list == OwnedMark ? null : page, isPublic);
        DocumentListWriter documents = new(api.Room.Of(context, principal));
        try
        {
            (ListEnds ends, Refusal? refusal) = await api.Directory.ListAsync(principal, request, documents, context.RequestAborted).ConfigureAwait(false);
            if (refusal is null)
                return ApiAnswer.Json(documents.Finish(ends.Owned is null ? null : OwnedMark + ends.Owned, ends.Accessible is null ? null : AccessibleMark + ends.Accessible));
            documents.Dispose();
            return DocumentEndpoints.Answer(refusal);
        }
        catch
        {
            documents.Dispose();
            throw;
        }
    }

    public async Task<ApiAnswer> AppAsync(HttpContext context, Principal principal)
    {
        string appId = (string?)context.Request.RouteValues["appId"] ?? "";
        DirectoryAnswer found = await api.Directory.AppAsync(principal, appId, context.RequestAborted).ConfigureAwait(false);
        return found.Document is { } document
            ? ApiAnswer.Json(new AppBody(document.AutomergeId.ToString(), document.AutomergeId.ToString()), ApiJson.Default.AppBody)
            : DocumentEndpoints.Answer(found.Refusal!);
    }

    public async Task<ApiAnswer> GetAsync(HttpContext context, Principal principal)
    {
        DirectoryAnswer found = await api.Directory.FindAsync(principal, DocumentEndpoints.IdOf(context), Permission.Read, context.RequestAborted).ConfigureAwait(false);
        if (found.Document is not { } document) return DocumentEndpoints.Answer(found.Refusal!);
        return ApiAnswer.Json(DocumentEndpoints.Describe(document, withAcl: document.OwnerId == principal.Id), ApiJson.Default.DocumentBody)
            .With("ETag", DocumentEndpoints.Tag(document));
    }

    public async Task<ApiAnswer> DeleteAsync(HttpContext context, Principal principal)
    {
        DirectoryAnswer deleted = await api.Directory.DeleteAsync(principal, DocumentEndpoints.IdOf(context), context.RequestAborted).ConfigureAwait(false);
        return deleted.Refusal is { } refusal ? DocumentEndpoints.Answer(refusal) : ApiAnswer.NoContent;
    }

    internal static bool TryNumber(StringValues text, int min, int max, int otherwise, out int number)
    {
        number = otherwise;
        return text.Count == 0 || (text.Count == 1 && int.TryParse(text[0], NumberStyles.None, CultureInfo.InvariantCulture, out number) && number >= min && number <= max);
    }

    private static bool TryFlag(StringValues text, out bool flag)
    {
        flag = false;
        return text.Count == 0 || (text.Count == 1 && bool.TryParse(text[0], out flag));
    }
}
