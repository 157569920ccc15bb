using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.Endpoints;

/// <summary>
/// Gives blobs out: whole, in parts, or not again to who has them already. Whatever they are, a browser runs nothing of them: it may download them, and show what is safe to show.
/// </summary>
internal sealed class BlobDownload(BlobApi api)
{
    private const string Immutable = "public, max-age=31536000, immutable";

    // Who may read it today may not tomorrow: browsers ask each time, and hear that they have it.
    private const string AskAgain = "private, no-cache";

    // A page in a sandbox of its own, without scripts; what it shows may come from nowhere but here.
    private const string Policy = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'";

    // What the store writes at a time, at most; Kestrel holds no more on top.
    private const int PieceLength = 64 << 10;

    public async Task AnswerAsync(HttpContext context, Principal principal)
    {
        ApiAnswer? refusal = principal.IsAnonymous ? null : api.Limits.Request(principal);
        Readable readable = default;
        if (refusal is null) (readable, refusal) = await FindAsync(context, principal).ConfigureAwait(false);
        if (refusal is null)
        {
            await using IBlobContent? content = await api.Blobs.Library.OpenAsync(readable.Hash, context.RequestAborted).ConfigureAwait(false);
            refusal = content is null ? ApiAnswer.NotFound("Blob data not found") : await SendAsync(context, principal, readable, content).ConfigureAwait(false);
        }

        if (refusal is not null) await refusal.WriteAsync(context).ConfigureAwait(false);
    }

    private async ValueTask<(Readable Readable, ApiAnswer? Refusal)> FindAsync(HttpContext context, Principal principal)
    {
        if (!BlobEndpoints.TryHash(context, out BlobHash hash)) return (default, BlobEndpoints.BadHash);
        if (!TryInline(context.Request.Query["inline"], out bool inline)) return (default, ApiAnswer.Invalid("inline: true or false"));
        if (context.Request.Query.ContainsKey("signature")) return ByLink(context, hash, inline);
        (DocumentRecord? document, ApiAnswer? refusal) = await BlobEndpoints.DocumentAsync(api, context, principal).ConfigureAwait(false);
        if (refusal is not null) return (default, refusal);
        BlobAnswer<ReadableBlob> found = await api.Blobs.Library.FindAsync(principal, hash, document, context.RequestAborted).ConfigureAwait(false);
        if (found.Value is not { } blob) return (default, BlobEndpoints.Answer(found.Refusal!));
        return (new Readable(hash, blob.MimeType, inline, api.Blobs.Library.IsCapability ? Immutable : AskAgain), null);
    }

    // Whoever made it could read the blob then. A link that is not ours says nothing of what there is.
    private (Readable Readable, ApiAnswer? Refusal) ByLink(HttpContext context, BlobHash hash, bool inline)
    {
        IQueryCollection query = context.Request.Query;
        if (query["expires"] is not [{ } end] || query["type"] is not [{ Length: <= MediaTypes.LengthMax } mimeType] || query["signature"] is not [{ } signature]
            || !long.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out long expires) || !api.Links.IsSigned(hash, expires, mimeType, signature))
        {
            return (default, ApiAnswer.Error(StatusCodes.Status403Forbidden, "invalid_link", "This link is not one of this server's"));
        }

        long left = expires - api.Time.GetUtcNow().ToUnixTimeSeconds();
        if (left <= 0) return (default, ApiAnswer.Error(StatusCodes.Status403Forbidden, "link_expired", "This link has expired"));
        return (new Readable(hash, mimeType, inline, string.Create(CultureInfo.InvariantCulture, $"private, max-age={left}, immutable")), null);
    }

    private async Task<ApiAnswer?> SendAsync(HttpContext context, Principal principal, Readable readable, IBlobContent content)
    {
        HttpRequest request = context.Request;
        HttpResponse response = context.Response;
        string tag = $"\"{readable.Hash}\"", disposition = Disposition(readable);
        if (request.Headers.IfMatch.Count > 0 && !Matches(request.Headers.IfMatch, tag, isWeak: false)) return ApiAnswer.Moved("If-Match names other bytes");

        IHeaderDictionary headers = response.Headers;
        headers.ETag = tag;
        headers.CacheControl = readable.CacheControl;
        headers.AcceptRanges = "bytes";
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Cross-Origin-Resource-Policy"] = "cross-origin";        // <img> of other sites' pages; who may read is decided above
        if (Matches(request.Headers.IfNoneMatch, tag, isWeak: true))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return null;
        }

        bool isHead = HttpMethods.IsHead(request.Method);
        if (!isHead && content.Address(readable.MimeType, disposition) is { } address)
        {
            response.StatusCode = StatusCodes.Status307TemporaryRedirect;
            headers.CacheControl = "no-store";                               // the address ends soon
            headers.Location = address.AbsoluteUri;
            return null;
        }

        headers.ContentDisposition = disposition;
        response.ContentType = readable.MimeType;
        if (isHead)
        {
            response.ContentLength = content.Length;
            return null;
        }

        IReadOnlyList<ByteRange>? ranges = request.Headers.Range is [{ } range] && MayBeParts(request.Headers.IfRange, tag) ? ByteRanges.Read(range, content.Length) : null;
        if (ranges is { Count: 0 })
        {
            headers.Remove("Content-Disposition");
            return ApiAnswer.Error(StatusCodes.Status416RangeNotSatisfiable, "range_not_satisfiable", "The blob has none of these bytes")
                .With("Content-Range", $"bytes */{content.Length}");
        }

        ResponsePlace place = api.Room.Of(context, principal.IsAnonymous ? api.Limits.AddressOf(context) : principal.Id);
        if (!place.TryExpect(Math.Min(content.Length, PieceLength)))
        {
            headers.Remove("Content-Disposition");
            return ApiAnswer.NoRoom;
        }

        PacedWriter writer = new(context, api.Room);
        try
        {
            if (ranges is null) await SendWholeAsync(response, content, writer, context.RequestAborted).ConfigureAwait(false);
            else if (ranges is [ByteRange one]) await SendPartAsync(response, content, one, writer, context.RequestAborted).ConfigureAwait(false);
            else await SendPartsAsync(response, readable.MimeType, content, ranges, writer, context.RequestAborted).ConfigureAwait(false);
        }
        finally
        {
            api.Blobs.Metrics.Sent(writer.Written);
        }

        return null;
    }

    private static async Task SendWholeAsync(HttpResponse response, IBlobContent content, PacedWriter writer, CancellationToken stop)
    {
        response.ContentLength = content.Length;
        await content.SendAsync(0, content.Length, writer, stop).ConfigureAwait(false);
    }

    private static async Task SendPartAsync(HttpResponse response, IBlobContent content, ByteRange range, PacedWriter writer, CancellationToken stop)
    {
        response.StatusCode = StatusCodes.Status206PartialContent;
        response.Headers.ContentRange = Describe(range, content.Length);
        response.ContentLength = range.Length;
        await content.SendAsync(range.First, range.Length, writer, stop).ConfigureAwait(false);
    }

    // RFC 9110 §14.6: --boundary, headers of the part, its bytes; once more the boundary at the end.
    private async Task SendPartsAsync(
        HttpResponse response, string mimeType, IBlobContent content, IReadOnlyList<ByteRange> ranges, PacedWriter writer, CancellationToken stop)
    {
        byte[] random = new byte[16];                                       // nobody can have put it into the blob
        api.FillRandom(random);
        string boundary = Convert.ToHexStringLower(random);
        byte[][] heads = new byte[ranges.Count][];
        byte[] end = Encoding.ASCII.GetBytes($"\r\n--{boundary}--\r\n");
        long length = end.Length;
        for (int i = 0; i < heads.Length; i++)
        {
            heads[i] = Encoding.ASCII.GetBytes(
                $"{(i == 0 ? "" : "\r\n")}--{boundary}\r\nContent-Type: {mimeType}\r\nContent-Range: {Describe(ranges[i], content.Length)}\r\n\r\n");
            length += heads[i].Length + ranges[i].Length;
        }

        response.StatusCode = StatusCodes.Status206PartialContent;
        response.ContentType = $"multipart/byteranges; boundary={boundary}";
        response.ContentLength = length;
        for (int i = 0; i < heads.Length; i++)
        {
            await writer.WriteAsync(heads[i], stop).ConfigureAwait(false);
            await content.SendAsync(ranges[i].First, ranges[i].Length, writer, stop).ConfigureAwait(false);
        }

        await writer.WriteAsync(end, stop).ConfigureAwait(false);
    }

    private static string Disposition(in Readable readable) =>
        $"{(readable.Inline && MediaTypes.MayBeShown(readable.MimeType) ? "inline" : "attachment")}; filename=\"{readable.Hash}\"";

    private static string Describe(ByteRange range, long length) => string.Create(CultureInfo.InvariantCulture, $"bytes {range.First}-{range.Last}/{length}");

    // RFC 9110 §13.1.5: compared strongly; there is no Last-Modified that a date could be.
    private static bool MayBeParts(StringValues ifRange, string tag) => ifRange.Count == 0 || (ifRange is [{ } only] && only.Trim() == tag);

    private static bool Matches(StringValues header, string tag, bool isWeak)
    {
        foreach (string? line in header)
        {
            foreach (string text in line?.Split(',', StringSplitOptions.TrimEntries) ?? [])       // our tags hold no comma
            {
                if (text == "*" || text == tag || (isWeak && text.StartsWith("W/", StringComparison.Ordinal) && text.AsSpan(2).SequenceEqual(tag))) return true;
            }
        }

        return false;
    }

    private static bool TryInline(StringValues text, out bool inline)
    {
        inline = false;
        if (text is not [""]) return text.Count == 0 || (text.Count == 1 && bool.TryParse(text[0], out inline));
        return inline = true;
    }

    /// <summary>A blob, and how it is given to who asks.</summary>
    private readonly record struct Readable(BlobHash Hash, string MimeType, bool Inline, string CacheControl);
}
