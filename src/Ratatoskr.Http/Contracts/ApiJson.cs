using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ratatoskr.Http.Contracts;

/// <summary>Every error answer, the framework's too: a code for programs and a sentence for people.</summary>
public sealed record ErrorBody(string Error, string Message);

/// <summary>The answer of <c>/health</c> and <c>/ready</c>.</summary>
internal sealed record StatusBody(string Status);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(StatusBody))]
[JsonSerializable(typeof(QuotaErrorBody))]
[JsonSerializable(typeof(RateErrorBody))]
[JsonSerializable(typeof(CreatedBody))]
[JsonSerializable(typeof(DocumentBody))]
[JsonSerializable(typeof(AppBody))]
[JsonSerializable(typeof(AclBody))]
[JsonSerializable(typeof(TypeBody))]
[JsonSerializable(typeof(ExpirationBody))]
[JsonSerializable(typeof(ContentBody))]
[JsonSerializable(typeof(HistoryBody))]
[JsonSerializable(typeof(BlobClaimBody))]
[JsonSerializable(typeof(DocumentBlobClaimBody))]
[JsonSerializable(typeof(BlobListBody))]
[JsonSerializable(typeof(DocumentBlobListBody))]
[JsonSerializable(typeof(UploadBody))]
[JsonSerializable(typeof(ChunkBody))]
[JsonSerializable(typeof(UploadStateBody))]
[JsonSerializable(typeof(UploadedBody))]
[JsonSerializable(typeof(BlobLinkBody))]
[JsonSerializable(typeof(BlobErrorBody))]
internal sealed partial class ApiJson : JsonSerializerContext
{
    /// <summary>How documents' own JSON is written: as it is, since it is never put into a page.</summary>
    public static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
}
