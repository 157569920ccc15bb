using Automerge.Changes;
using Automerge.Documents;
using Automerge.Values;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.Endpoints;

/// <summary>A document's content as a whole: replaced by JSON, and given out as JSON or as an Automerge file.</summary>
internal sealed class DocumentContentEndpoints(DocumentApi api)
{
    private const int ActorBytes = 16;
    private const int DepthMax = 256;

    // Tries on top of heads that have moved meanwhile. After them the change is made beside what the others write: it merges, as any two edits do.
    private const int AttemptsMax = 3;

    public async Task<ApiAnswer> PutAsync(HttpContext context, Principal principal)
    {
        (ApiBody? body, ApiAnswer? refusal) = await ApiBody.ReadObjectAsync(context, DepthMax).ConfigureAwait(false);
        using ApiBody? held = body;
        if (body is null) return refusal!;
        if (!DocumentHeads.TryIfMatch(context.Request.Headers.IfMatch, out ChangeHash[]? ifHeads)) return ApiAnswer.Moved("If-Match names no content of this document");
        DirectoryAnswer found = await api.Directory.FindAsync(principal, DocumentEndpoints.IdOf(context), Permission.Write, context.RequestAborted).ConfigureAwait(false);
        if (found.Document is not { } document) return DocumentEndpoints.Answer(found.Refusal!);
        CommitOptions now = new(api.Time.GetUtcNow().ToUnixTimeSeconds());
        for (int attempt = 1; ; attempt++)
        {
            ContentReplacement? made;
            try
            {
                made = await api.Contents.OpenAsync(document.AutomergeId, NewActor(), Replace, context.RequestAborted).ConfigureAwait(false);
            }
            catch (DocumentException e)
            {
                return ApiAnswer.Invalid(e.Message);
            }

            if (made is null) return ApiAnswer.Moved("The content has been changed meanwhile");
            if (made.Hash is not { } hash) return Replaced(made.Size, made.Heads);
            IReadOnlyList<ChangeHash>? onlyIf = ifHeads is not null || attempt < AttemptsMax ? made.Before : null;
            Submission outcome = await api.Contents.SubmitAsync(document.AutomergeId, principal, made.Chunk, hash, onlyIf, context.RequestAborted).ConfigureAwait(false);
            switch (outcome.Result)
            {
                case SubmissionResult.Stored:
                    return Replaced(made.Size, onlyIf is not null ? made.Heads : [.. (await api.Contents.PeekAsync(document.AutomergeId, context.RequestAborted).ConfigureAwait(false)).Heads.Span]);
                case SubmissionResult.Moved when ifHeads is not null:
                    return ApiAnswer.Moved("The content has been changed meanwhile");
                case SubmissionResult.Moved:
                    continue;
                case SubmissionResult.Refused:
                    return Refused(outcome);
                default:
                    return ApiAnswer.Error(StatusCodes.Status503ServiceUnavailable, "unavailable", "The document cannot be had at the moment");
            }
        }

        ContentReplacement? Replace(Document opened) =>
            ifHeads is null || opened.Heads.SequenceEqual(ifHeads) ? ContentReplacement.Make(opened, body.Root, now) : null;
    }

    public async Task<ApiAnswer> ExportAsync(HttpContext context, Principal principal)
    {
        StringValues format = context.Request.Query["format"];
        if (format.Count > 1 || (format.Count == 1 && format[0] is not ("json" or "binary"))) return ApiAnswer.Invalid("format: json or binary");
        DirectoryAnswer found = await api.Directory.FindAsync(principal, DocumentEndpoints.IdOf(context), Permission.Read, context.RequestAborted).ConfigureAwait(false);
        if (found.Document is not { } document) return DocumentEndpoints.Answer(found.Refusal!);
        ResponsePlace place = api.Room.Of(context, principal);
        if (!place.TryExpect(document.Size)) return ApiAnswer.NoRoom;
        if (format is ["json"])
        {
            return await api.Contents.OpenAsync(
                document.AutomergeId,
                NewActor(),
                opened => ApiAnswer.Json(place, ApiJson.Plain, json => opened.View.WriteTo(json, ObjectId.Root)).With("ETag", DocumentHeads.Tag(opened.Heads)),
                context.RequestAborted).ConfigureAwait(false);
        }

        (ReadOnlyMemory<byte> file, IReadOnlyList<ChangeHash> heads) = await ReadFileAsync(document, context.RequestAborted).ConfigureAwait(false);
        return ApiAnswer.Bytes(file).With("Content-Disposition", $"attachment; filename=\"{document.Id}.amrg\"").With("ETag", DocumentHeads.Tag(heads));
    }

    private async Task<(ReadOnlyMemory<byte> Bytes, IReadOnlyList<ChangeHash> Heads)> ReadFileAsync(DocumentRecord document, CancellationToken stop)
    {
        // A document that was folded is stored as the very file.
        StoredDocument stored = await api.Contents.ReadAsync(document.AutomergeId, stop).ConfigureAwait(false);
        if (stored.Tail.Count == 0) return (stored.Snapshot.Chunk, stored.Snapshot.Heads.ToArray());
        return await api.Contents.OpenAsync(
            document.AutomergeId,
            NewActor(),
            opened => ((ReadOnlyMemory<byte>)(opened.ChangeCount == 0 ? [] : opened.Save()), opened.Heads),
            stop).ConfigureAwait(false);
    }

    internal ActorId NewActor()
    {
        Span<byte> actor = stackalloc byte[ActorBytes];
        api.FillRandom(actor);
        return new ActorId(actor.ToArray());
    }

    private static ApiAnswer Replaced(long size, IReadOnlyList<ChangeHash> heads) =>
        ApiAnswer.Json(new ContentBody(true, size, DocumentHeads.Names(heads)), ApiJson.Default.ContentBody).With("ETag", DocumentHeads.Tag(heads));

    // What peers are told by a frame.
    private static ApiAnswer Refused(Submission refused) => refused.Error switch
    {
        "quota_exceeded" => ApiAnswer.Quota(refused.Quota, refused.Message, refused.Current, refused.Limit),
        "rate_limited" => ApiAnswer.RateLimited(Math.Max(1, refused.RetryAfterSeconds)),
        "permission_denied" => ApiAnswer.Error(StatusCodes.Status403Forbidden, "forbidden", refused.Message),
        "document_not_found" => ApiAnswer.NotFound(),
        "document_too_large" => ApiAnswer.Error(StatusCodes.Status413PayloadTooLarge, "document_too_large", refused.Message),
        "storage_unavailable" => ApiAnswer.Error(StatusCodes.Status503ServiceUnavailable, "storage_unavailable", refused.Message),
        _ => ApiAnswer.Error(StatusCodes.Status500InternalServerError, "internal_error", "the change was not taken"),
    };
}
