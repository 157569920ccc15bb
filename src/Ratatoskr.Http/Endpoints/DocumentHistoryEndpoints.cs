using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Patches;
using Automerge.Values;
using Microsoft.AspNetCore.Http;
using Ratatoskr.Engine.Access;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.Endpoints;

/// <summary>What was: a document's changes, how it looked after any of them, and what changed between two states.</summary>
internal sealed class DocumentHistoryEndpoints(DocumentApi api)
{
    private const int PageLengthDefault = 50;
    private const int PageLengthMax = 100;
    private const string Initial = "initial";

    private readonly DocumentContentEndpoints _contents = new(api);

    public async Task<ApiAnswer> HistoryAsync(HttpContext context, Principal principal)
    {
        IQueryCollection query = context.Request.Query;
        if (!DocumentRecordEndpoints.TryNumber(query["limit"], 1, PageLengthMax, PageLengthDefault, out int limit)) return ApiAnswer.Invalid($"limit: a whole number from 1 to {PageLengthMax}");
        if (!DocumentRecordEndpoints.TryNumber(query["offset"], 0, int.MaxValue, 0, out int offset)) return ApiAnswer.Invalid("offset: a whole number from 0");
        return await OpenAsync(context, principal, (document, place) =>
        {
            // Newest first; those after the page are left out where they are.
            int last = document.ChangeCount - offset;
            int first = Math.Max(0, last - limit);
            List<ChangeBody> changes = new(Math.Max(0, last - first));
            int index = 0;
            foreach (ChangeInfo change in document.History.Take(Math.Max(0, last)))
            {
                if (index >= first) changes.Add(Describe(change, index));
                index++;
            }

            changes.Reverse();
            HistoryBody body = new(changes, document.ChangeCount, DocumentHeads.Names(document.Heads));
            return ApiAnswer.Json(place, new JsonWriterOptions { SkipValidation = true }, json => JsonSerializer.Serialize(json, body, ApiJson.Default.HistoryBody));
        }).ConfigureAwait(false);
    }

    public async Task<ApiAnswer> SnapshotAsync(HttpContext context, Principal principal)
    {
        if (context.Request.Query["heads"] is not [{ Length: > 0 } text]) return ApiAnswer.Invalid("Missing heads parameter");
        if (!DocumentHeads.TryParse(text, out ChangeHash[] heads)) return ApiAnswer.Invalid("heads: hashes of changes, 64 hexadecimal digits each, with commas between them");
        return await OpenAsync(context, principal, (document, place) =>
        {
            if (document.ChangeCount == 0) return ApiAnswer.NotFound("Document has no content");
            DocumentView view = document.ViewAt(heads);
            return Write(place, json =>
            {
                WriteHeads(json, "heads", heads);
                json.WritePropertyName("snapshot"u8);
                view.WriteTo(json, ObjectId.Root);
            });
        }).ConfigureAwait(false);
    }

    public async Task<ApiAnswer> DiffAsync(HttpContext context, Principal principal)
    {
        IQueryCollection query = context.Request.Query;
        if (query["from"] is not [{ Length: > 0 } fromText]) return ApiAnswer.Invalid("Missing from parameter");
        ChangeHash[] from = [];
        if (fromText != Initial && !DocumentHeads.TryParse(fromText, out from)) return ApiAnswer.Invalid("from: initial, or hashes of changes with commas between them");
        ChangeHash[]? to = null;
        if (query["to"].Count > 0)
        {
            if (query["to"] is not [{ } toText] || !DocumentHeads.TryParse(toText, out ChangeHash[] parsed)) return ApiAnswer.Invalid("to: hashes of changes with commas between them");
            to = parsed;
        }

        return await OpenAsync(context, principal, (document, place) =>
        {
            if (document.ChangeCount == 0) return ApiAnswer.NotFound("Document has no content");
            ChangeHash[] until = to ?? [.. document.Heads];
            IReadOnlyList<Patch> patches = document.Diff(from, until, TextUnit.Utf16);
            return Write(place, json =>
            {
                WriteHeads(json, "from", from);
                WriteHeads(json, "to", until);
                json.WriteStartArray("patches"u8);
                foreach (Patch patch in patches) PatchWriter.Write(json, patch);
                json.WriteEndArray();
            });
        }).ConfigureAwait(false);
    }

    private async Task<ApiAnswer> OpenAsync(HttpContext context, Principal principal, Func<Document, ResponsePlace, ApiAnswer> use)
    {
        DirectoryAnswer found = await api.Directory.FindAsync(principal, DocumentEndpoints.IdOf(context), Permission.Read, context.RequestAborted).ConfigureAwait(false);
        if (found.Document is not { } record) return DocumentEndpoints.Answer(found.Refusal!);
        ResponsePlace place = api.Room.Of(context, principal);
        if (!place.TryExpect(record.Size)) return ApiAnswer.NoRoom;
        try
        {
            return await api.Contents.OpenAsync(record.AutomergeId, _contents.NewActor(), document => use(document, place), context.RequestAborted).ConfigureAwait(false);
        }
        catch (DocumentException e) when (e.Error == DocumentError.NoSuchChange)
        {
            return ApiAnswer.NotFound(e.Message);
        }
    }

    private static ChangeBody Describe(ChangeInfo change, int index)
    {
        bool isDate = change.Time is > 0 and < 253_402_300_800;          // until the year 10000
        return new ChangeBody(
            change.Hash.ToString(),
            change.Actor.ToString(),
            change.Seq,
            change.Time == 0 ? null : change.Time,
            isDate ? ApiTime.Write(DateTimeOffset.FromUnixTimeSeconds(change.Time)) : null,
            change.Message,
            change.OperationCount,
            index);
    }

    private static void WriteHeads(Utf8JsonWriter json, string name, ChangeHash[] heads)
    {
        json.WriteStartArray(name);
        foreach (ChangeHash head in heads) json.WriteStringValue(head.ToString());
        json.WriteEndArray();
    }

    private static ApiAnswer Write(ResponsePlace place, Action<Utf8JsonWriter> content) => ApiAnswer.Json(place, ApiJson.Plain, json =>
    {
        json.WriteStartObject();
        content(json);
        json.WriteEndObject();
    });
}
