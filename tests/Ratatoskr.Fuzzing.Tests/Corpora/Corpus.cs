using System.Text.Json;
using Automerge.Tests.Vectors;

namespace Ratatoskr.Fuzzing.Tests.Corpora;

/// <summary>What hostile input is made from: small files in tests/vectors/fuzz, one folder for a target, and every input that ever failed. All were recorded or written by us.</summary>
internal static class Corpus
{
    public static readonly string Folder = Path.Combine(VectorFiles.Generated, "fuzz");

    private static readonly Lazy<IReadOnlyList<byte[]>> LazyFrames = new(() => [.. ReadCaptures()]);

    /// <summary>Whole messages between real clients and servers, in both directions.</summary>
    public static IReadOnlyList<byte[]> CapturedMessages => LazyFrames.Value;

    /// <summary>The files of a target, in the order of their names.</summary>
    public static IReadOnlyList<(string Name, byte[] Bytes)> Files(string target) =>
        [.. Directory.GetFiles(Path.Combine(Folder, target)).Order(StringComparer.Ordinal).Select(path => (Path.GetFileName(path), File.ReadAllBytes(path)))];

    public static TheoryData<string> Names(string target) => [.. Files(target).Select(file => file.Name)];

    public static byte[] Read(string target, string name) => File.ReadAllBytes(Path.Combine(Folder, target, name));

    private static IEnumerable<byte[]> ReadCaptures()
    {
        foreach (string path in Directory.GetFiles(Path.Combine(VectorFiles.Generated, "captures"), "*.jsonl").Order(StringComparer.Ordinal))
        {
            foreach (string line in File.ReadLines(path)) yield return Convert.FromHexString(JsonDocument.Parse(line).RootElement.GetProperty("hex").GetString()!);
        }
    }
}
