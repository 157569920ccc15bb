using System.Text.Json;

namespace Ratatoskr.Http.Oidc;

/// <summary>JSON of a provider: what it says twice is refused, since its two readers might believe different ones.</summary>
internal static class OidcJson
{
    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <exception cref="OidcException">It is not an object.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> json, string what)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json, s_strict);
        }
        catch (JsonException e)
        {
            throw new OidcException($"{what} is not JSON", cause: e);
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
        document.Dispose();
        throw new OidcException($"{what} is not a JSON object");
    }

    public static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>A list of texts, or one text alone; null when it is neither.</summary>
    public static IReadOnlyList<string>? Texts(JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out JsonElement value)) return null;
        if (value.ValueKind == JsonValueKind.String) return [value.GetString()!];
        if (value.ValueKind != JsonValueKind.Array) return null;
        List<string> texts = [];
        foreach (JsonElement item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.String) return null;
            texts.Add(item.GetString()!);
        }

        return texts;
    }

    /// <summary>Seconds since 1970, fractions cut (NumericDate, RFC 7519 §2).</summary>
    public static DateTimeOffset? Time(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double seconds) && seconds is >= 0 and < 253402300799
            ? DateTimeOffset.FromUnixTimeSeconds((long)seconds)
            : null;

    /// <summary>Text of somebody else, for a log line: short, on one line.</summary>
    public static string Quote(string? text)
    {
        if (text is null) return "nothing";
        if (text.Length > 100) text = text[..100] + "…";
        return "\"" + string.Concat(text.Select(static c => char.IsControl(c) ? ' ' : c)) + "\"";
    }
}
