using System.Text;
using System.Text.Json;

namespace Ratatoskr.Http.Tests.Support;

/// <summary>An answer, read whole.</summary>
internal sealed record RestAnswer(int Status, byte[] Bytes, string? ContentType, IReadOnlyDictionary<string, string> Headers)
{
    public string Text => Encoding.UTF8.GetString(Bytes);

    public JsonElement Json => JsonDocument.Parse(Bytes).RootElement;

    public string? ETag => Headers.GetValueOrDefault("ETag");

    public static async Task<RestAnswer> ReadAsync(HttpResponseMessage response)
    {
        Dictionary<string, string> headers = new(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, IEnumerable<string> values) in response.Headers.Concat(response.Content.Headers)) headers[name] = string.Join(", ", values);
        return new RestAnswer((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(), response.Content.Headers.ContentType?.ToString(), headers);
    }

    /// <summary>An error in the one shape, with this status and code.</summary>
    public string AssertError(int status, string code)
    {
        Assert.True(Status == status, $"{Status} instead of {status}: {Text}");
        Assert.Equal(code, Json.GetProperty("error").GetString());
        string message = Json.GetProperty("message").GetString()!;
        Assert.NotEmpty(message);
        Assert.DoesNotContain("   at ", message, StringComparison.Ordinal);
        Assert.DoesNotContain("SQLite", message, StringComparison.OrdinalIgnoreCase);
        return message;
    }

    public JsonElement AssertOk()
    {
        Assert.True(Status == 200, $"{Status}: {Text}");
        return Json;
    }
}
