using System.IO.Compression;
using System.Text.Json;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>The generated vectors of <c>tests/vectors</c>: documents as automerge 3.5.0 saves them, and hostile changes.</summary>
internal static class Vectors
{
    private static readonly string Folder = Find();

    /// <summary>A whole saved document, a document chunk.</summary>
    public static byte[] Saved(int number) => Read($"doc-{number:0000}.json.gz").GetProperty("saved").GetBytesFromBase64();

    /// <summary>The first half of its changes, as change chunks.</summary>
    public static byte[][] Changes(int number) => [.. Read($"doc-{number:0000}.json.gz").GetProperty("changes").EnumerateArray().Select(c => c.GetBytesFromBase64())];

    public static byte[] HostileBase => Read("hostile.json").GetProperty("base").GetBytesFromBase64();

    public static IEnumerable<(string Name, string Kind, byte[] Data)> Hostile => Read("hostile.json").GetProperty("cases").EnumerateArray()
        .Select(c => (c.GetProperty("name").GetString()!, c.GetProperty("kind").GetString()!, c.GetProperty("data").GetBytesFromBase64()));

    /// <summary>Names of the changes that 3.5.0 panics on, refuses, or takes in and then cannot load its own save of.</summary>
    public static IEnumerable<string> HarmfulChanges => Read("hostile.json").GetProperty("cases").EnumerateArray()
        .Where(c => c.GetProperty("kind").GetString() == "change")
        .Where(c => !(c.GetProperty("automerge").GetProperty("outcome").GetString() == "applies" && c.GetProperty("automerge").GetProperty("reloads").GetBoolean()))
        .Select(c => c.GetProperty("name").GetString()!);

    private static JsonElement Read(string name)
    {
        using FileStream file = File.OpenRead(Path.Combine(Folder, name));
        using Stream text = name.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
        using JsonDocument json = JsonDocument.Parse(text);
        return json.RootElement.Clone();
    }

    private static string Find()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ratatoskr.sln"))) folder = folder.Parent;
        return Path.Combine(folder?.FullName ?? throw new InvalidOperationException("Ratatoskr.sln not found above the test assembly"), "tests", "vectors");
    }
}
