using System.Text.Json;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Http.Contracts;

/// <summary>Reads the fields of requests about blobs. Fields that nobody knows are passed over, as the original does.</summary>
internal static class BlobRequests
{
    public static bool TryReadUpload(JsonElement body, out NewUpload upload, out string why)
    {
        upload = new NewUpload(0, "", null, null);
        BlobHash? expected = null;
        int? chunkSize = null;

        why = "size: a whole number of bytes, at least 1";
        if (!body.TryGetProperty("size", out JsonElement size) || size.ValueKind != JsonValueKind.Number || !size.TryGetInt64(out long bytes) || bytes < 1) return false;

        why = "mimeType: a media type (image/png) of 1 to 200 characters";
        if (!body.TryGetProperty("mimeType", out JsonElement type) || type.ValueKind != JsonValueKind.String || !MediaTypes.IsValid(type.GetString()!)) return false;

        why = "expectedHash: 64 lower-case hexadecimal digits";
        if (body.TryGetProperty("expectedHash", out JsonElement hash) && hash.ValueKind != JsonValueKind.Null)
        {
            if (hash.ValueKind != JsonValueKind.String || !BlobHash.TryParse(hash.GetString(), out BlobHash parsed)) return false;
            expected = parsed;
        }

        why = $"chunkSize: a whole number from {BlobUploads.ChunkSizeMin} to {BlobUploads.ChunkSizeMax}";
        if (body.TryGetProperty("chunkSize", out JsonElement chunk) && chunk.ValueKind != JsonValueKind.Null)
        {
            if (chunk.ValueKind != JsonValueKind.Number || !chunk.TryGetInt32(out int length) || length is < BlobUploads.ChunkSizeMin or > BlobUploads.ChunkSizeMax) return false;
            chunkSize = length;
        }

        upload = new NewUpload(bytes, type.GetString()!, expected, chunkSize);
        return true;
    }

    /// <param name="secondsMax">The longest a link may be good for.</param>
    public static bool TryReadLink(JsonElement body, int secondsMax, ref int seconds, out string why)
    {
        why = $"expiresIn: a whole number of seconds from 1 to {secondsMax}";
        if (!body.TryGetProperty("expiresIn", out JsonElement value) || value.ValueKind == JsonValueKind.Null) return true;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out seconds) && seconds >= 1 && seconds <= secondsMax;
    }
}
