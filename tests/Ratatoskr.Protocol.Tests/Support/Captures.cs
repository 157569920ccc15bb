using System.Text.Json;

namespace Ratatoskr.Protocol.Tests.Support;

/// <summary>One recorded frame: its bytes, and the values that an independent decoder (cbor-x) found in it.</summary>
internal sealed record Captured(string File, string Name, byte[] Bytes, JsonElement Cbor)
{
    public bool FromClient => Name == "c>s";
}

/// <summary>Frames recorded between real clients and servers (tests/vectors/captures).</summary>
internal static class Captures
{
    /// <summary>Stock automerge-repo clients and servers.</summary>
    public static IReadOnlyList<Captured> Stock { get; } = Load(file => file != "original.jsonl");

    /// <summary>The original Ratatoskr server and its client.</summary>
    public static IReadOnlyList<Captured> Original { get; } = Load(file => file == "original.jsonl");

    private static List<Captured> Load(Func<string, bool> wanted)
    {
        List<Captured> frames = [];
        foreach (string path in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "captures"), "*.jsonl").Order(StringComparer.Ordinal))
        {
            string file = Path.GetFileName(path);
            if (!wanted(file)) continue;
            foreach (string line in File.ReadLines(path))
            {
                JsonElement entry = JsonDocument.Parse(line).RootElement;
                string name = (entry.TryGetProperty("dir", out JsonElement direction) ? direction : entry.GetProperty("name")).GetString()!;
                JsonElement cbor = entry.TryGetProperty("cbor", out JsonElement fields) ? fields : default;
                frames.Add(new Captured(file, name, Convert.FromHexString(entry.GetProperty("hex").GetString()!), cbor));
            }
        }

        return frames;
    }
}
