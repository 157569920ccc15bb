using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.Endpoints;

/// <summary>What a document's owner decides: who may see it, what it is, how long it stays.</summary>
internal sealed class DocumentSettingsEndpoints(DocumentApi api)
{
    public async Task<ApiAnswer> GetAclAsync(HttpContext context, Principal principal)
    {
        DirectoryAnswer own = await api.Directory.FindOwnAsync(
            principal, DocumentEndpoints.IdOf(context), Permission.Read, "Only the owner can view ACL", context.RequestAborted).ConfigureAwait(false);
        return own.Document is { } document ? AclAnswer(document) : DocumentEndpoints.Answer(own.Refusal!);
    }

    public async Task<ApiAnswer> PutAclAsync(HttpContext context, Principal principal)
    {
        (ApiBody? body, ApiAnswer? refusal) = await ApiBody.ReadObjectAsync(context).ConfigureAwait(false);
        using ApiBody? held = body;
        if (body is null) return refusal!;
        if (!DocumentRequests.TryAcl(body.Root, required: true, out IReadOnlyList<AclEntry> acl, out string why)) return ApiAnswer.Invalid(why);
        if (!TryVersion(context.Request.Headers.IfMatch, out long? ifVersion)) return ApiAnswer.Moved("If-Match names no version of this document");
        DirectoryAnswer changed = await api.Directory.SetAclAsync(principal, DocumentEndpoints.IdOf(context), acl, ifVersion, context.RequestAborted).ConfigureAwait(false);
        return changed.Document is { } document ? AclAnswer(document) : DocumentEndpoints.Answer(changed.Refusal!);
    }

    public async Task<ApiAnswer> PutTypeAsync(HttpContext context, Principal principal)
    {
        (ApiBody? body, ApiAnswer? refusal) = await ApiBody.ReadObjectAsync(context).ConfigureAwait(false);
        using ApiBody? held = body;
        if (body is null) return refusal!;
        if (!DocumentRequests.TryType(body.Root, out string type, out string why)) return ApiAnswer.Invalid(why);
        DirectoryAnswer changed = await api.Directory.SetTypeAsync(principal, DocumentEndpoints.IdOf(context), type, context.RequestAborted).ConfigureAwait(false);
        return changed.Document is { } document
            ? ApiAnswer.Json(new TypeBody(document.Type), ApiJson.Default.TypeBody).With("ETag", DocumentEndpoints.Tag(document))
            : DocumentEndpoints.Answer(changed.Refusal!);
    }

    public async Task<ApiAnswer> PutExpirationAsync(HttpContext context, Principal principal)
    {
        (ApiBody? body, ApiAnswer? refusal) = await ApiBody.ReadObjectAsync(context).ConfigureAwait(false);
        using ApiBody? held = body;
        if (body is null) return refusal!;
        if (!DocumentRequests.TryExpiration(body.Root, required: true, out DateTimeOffset? expiresAt, out string why)) return ApiAnswer.Invalid(why);
        DirectoryAnswer changed = await api.Directory.SetExpirationAsync(principal, DocumentEndpoints.IdOf(context), expiresAt, context.RequestAborted).ConfigureAwait(false);
        return changed.Document is { } document
            ? ApiAnswer.Json(new ExpirationBody(ApiTime.Write(document.ExpiresAt)), ApiJson.Default.ExpirationBody).With("ETag", DocumentEndpoints.Tag(document))
            : DocumentEndpoints.Answer(changed.Refusal!);
    }

    private static ApiAnswer AclAnswer(DocumentRecord document) =>
        ApiAnswer.Json(new AclBody(DocumentEndpoints.Acl(document)), ApiJson.Default.AclBody).With("ETag", DocumentEndpoints.Tag(document));

    // A tag that is none of ours matches nothing; * matches whatever there is.
    private static bool TryVersion(StringValues header, out long? version)
    {
        version = null;
        if (header.Count == 0 || header is ["*"]) return true;
        if (header is not [{ Length: > 2 } tag] || tag[0] != '"' || tag[^1] != '"') return false;
        bool isNumber = long.TryParse(tag.AsSpan(1, tag.Length - 2), NumberStyles.None, CultureInfo.InvariantCulture, out long number);
        version = number;
        return isNumber;
    }
}
