using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.Endpoints;

/// <summary>Uploads: in chunks, in any order and in parallel, or in one request.</summary>
internal sealed class BlobUploadEndpoints(BlobApi api)
{
    private const string Bytes = "application/octet-stream";

    private BlobUploads Uploads => api.Blobs.Uploads;

    public async Task<ApiAnswer> BeginAsync(HttpContext context, Principal principal)
    {
        (ApiBody? body, ApiAnswer? refusal) = await ApiBody.ReadObjectAsync(context).ConfigureAwait(false);
        using ApiBody? held = body;
        if (body is null) return refusal!;
        if (!BlobRequests.TryReadUpload(body.Root, out NewUpload wanted, out string why)) return ApiAnswer.Invalid(why);
        BlobAnswer<BlobUpload> begun = await Uploads.BeginAsync(principal, wanted, context.RequestAborted).ConfigureAwait(false);
        if (begun.Value is not { } upload) return BlobEndpoints.Answer(begun.Refusal!);
        return ApiAnswer.Json(
            new UploadBody(upload.Id.ToString("D"), upload.ChunkSize, upload.Shape.ChunkCount, ApiTime.Write(upload.ExpiresAt)), ApiJson.Default.UploadBody);
    }

    public async Task<ApiAnswer> ChunkAsync(HttpContext context, Principal principal)
    {
        if (!TryId(context, out Guid id)) return NoUpload;
        int index = int.TryParse((string?)context.Request.RouteValues["index"], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1;
        BlobAnswer<BlobUpload> found = await Uploads.FindAsync(principal, id, index, context.RequestAborted).ConfigureAwait(false);
        if (found.Value is not { } upload) return BlobEndpoints.Answer(found.Refusal!);
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out MediaTypeHeaderValue? type) || !type.MediaType.Equals(Bytes, StringComparison.OrdinalIgnoreCase))
            return ApiAnswer.Error(StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type", $"a chunk must be {Bytes}");
        if (context.Request.ContentLength is { } length && length != upload.Shape.LengthOf(index)) return BlobEndpoints.Answer(Uploads.WrongSize(upload, index));
        LetStageCount(context);
        using GivenBackReader body = new(context.Request.BodyReader);
        BlobAnswer<UploadProgress> written = await Uploads.WriteChunkAsync(upload, index, body, context.RequestAborted).ConfigureAwait(false);
        return written.Value is { } progress
            ? ApiAnswer.Json(new ChunkBody(progress.Received, upload.Shape.ChunkCount, progress.IsWhole), ApiJson.Default.ChunkBody)
            : BlobEndpoints.Answer(written.Refusal!);
    }

    public async Task<ApiAnswer> StateAsync(HttpContext context, Principal principal)
    {
        if (!TryId(context, out Guid id)) return NoUpload;
        BlobAnswer<UploadState> found = await Uploads.StateAsync(principal, id, context.RequestAborted).ConfigureAwait(false);
        if (found.Value is not { } state) return BlobEndpoints.Answer(found.Refusal!);
        BlobUpload upload = state.Upload;
        return ApiAnswer.Json(
            new UploadStateBody(
                upload.Id.ToString("D"),
                upload.Size,
                upload.MimeType,
                upload.ChunkSize,
                upload.Shape.ChunkCount,
                state.Chunks.Count,
                Runs(state.Chunks.Chunks),
                state.Chunks.Count == upload.Shape.ChunkCount,
                upload.Completed?.Hash.ToString(),
                ApiTime.Write(upload.ExpiresAt)),
            ApiJson.Default.UploadStateBody);
    }

    public async Task<ApiAnswer> CompleteAsync(HttpContext context, Principal principal)
    {
        if (!TryId(context, out Guid id)) return NoUpload;
        return Uploaded(await Uploads.CompleteAsync(principal, id, context.RequestAborted).ConfigureAwait(false));
    }

    public async Task<ApiAnswer> AbortAsync(HttpContext context, Principal principal)
    {
        if (!TryId(context, out Guid id)) return ApiAnswer.Invalid("uploadId: a UUID");
        BlobRefusal? refusal = await Uploads.AbortAsync(principal, id, context.RequestAborted).ConfigureAwait(false);
        return refusal is null ? ApiAnswer.NoContent : BlobEndpoints.Answer(refusal);
    }

    public async Task<ApiAnswer> TakeAsync(HttpContext context, Principal principal)
    {
        string mimeType = context.Request.ContentType ?? Bytes;
        if (!MediaTypes.IsValid(mimeType)) return ApiAnswer.Invalid("Content-Type: a media type (image/png) of 1 to 200 characters");
        BlobHash? expected = null;
        if (context.Request.Query["expectedHash"] is { Count: > 0 } text)
        {
            if (text.Count != 1 || !BlobHash.TryParse(text[0], out BlobHash hash)) return ApiAnswer.Invalid("expectedHash: 64 lower-case hexadecimal digits");
            expected = hash;
        }

        long? length = context.Request.ContentLength;
        if (length > BlobUploads.SingleSizeMax)
            return ApiAnswer.Error(StatusCodes.Status413PayloadTooLarge, "payload_too_large", $"more than {BlobUploads.SingleSizeMax} bytes are uploaded in chunks");
        LetStageCount(context);
        using GivenBackReader body = new(context.Request.BodyReader);
        return Uploaded(await Uploads.TakeAsync(principal, mimeType, expected, length, body, context.RequestAborted).ConfigureAwait(false));
    }

    private ApiAnswer NoUpload => BlobEndpoints.Answer(Uploads.Unknown());

    private static ApiAnswer Uploaded(BlobAnswer<UploadedBlob> answer) => answer.Value is { } blob
        ? ApiAnswer.Json(new UploadedBody(blob.Hash.ToString(), blob.Size, blob.MimeType, blob.Deduplicated), ApiJson.Default.UploadedBody)
        : BlobEndpoints.Answer(answer.Refusal!);

    private static bool TryId(HttpContext context, out Guid id) => Guid.TryParseExact((string?)context.Request.RouteValues["uploadId"], "D", out id);

    // Kestrel would count the frames of a chunked body too. The stage reads what fits, and one byte more at most.
    private static void LetStageCount(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
    }

    private static List<int[]> Runs(IReadOnlyList<bool> chunks)
    {
        List<int[]> runs = [];
        for (int i = 0; i < chunks.Count; i++)
        {
            if (!chunks[i]) continue;
            if (i > 0 && chunks[i - 1]) runs[^1][1] = i;
            else runs.Add([i, i]);
        }

        return runs;
    }
}
