using System.Text.Json;

namespace Ratatoskr.Http.Tests.Support;

/// <summary>Reads the API's description as a client would.</summary>
internal sealed class OpenApiReading(byte[] document)
{
    private readonly JsonElement _root = JsonDocument.Parse(document).RootElement;

    public JsonElement Root => _root;

    public IEnumerable<(string Path, string Method, JsonElement Operation)> Operations =>
        from path in _root.GetProperty("paths").EnumerateObject()
        from operation in path.Value.EnumerateObject()
        select (path.Name, operation.Name.ToUpperInvariant(), operation.Value);

    /// <summary>Whatever is answered on a described path is described.</summary>
    public void AssertDescribed(HttpMethod method, string url, int status)
    {
        string name = method == HttpMethod.Head ? "GET" : method.Method;
        string[] parts = url.Split('?')[0].Split('/');
        foreach ((string path, string described, JsonElement operation) in Operations)
        {
            if (described != name || !Matches(path.Split('/'), parts)) continue;
            Assert.True(operation.GetProperty("responses").TryGetProperty($"{status}", out _), $"{name} {path} answers {status}, which is not described");
            return;
        }
    }

    // The first that matches counts: paths with fixed parts stand before those with placeholders.
    private static bool Matches(string[] path, string[] parts) =>
        path.Length == parts.Length && path.Zip(parts).All(pair => pair.First.StartsWith('{') || pair.First == pair.Second);
}
