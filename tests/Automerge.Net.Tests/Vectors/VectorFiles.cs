using System.IO.Compression;
using System.Text.Json;

namespace Automerge.Tests.Vectors;

/// <summary>
/// Finds test vectors. The generated ones are in <c>tests/vectors</c>; third-party ones, which may not be kept in the
/// repository, are in the folder named by AUTOMERGE_VECTORS (default: <c>../shared/vectors</c> beside the repository).
/// </summary>
internal static class VectorFiles
{
    public static readonly string Root = FindRoot();

    public static readonly string Generated = Path.Combine(Root, "tests", "vectors");

    private static readonly string? NamedFolder = Environment.GetEnvironmentVariable("AUTOMERGE_VECTORS") is { Length: > 0 } named ? named : null;

    private static readonly string ThirdParty = NamedFolder ?? Path.GetFullPath(Path.Combine(Root, "..", "shared", "vectors"));

    /// <summary>Generated documents: ours, and those of the folder AUTOMERGE_VECTORS names.</summary>
    public static TheoryData<string> Documents => Matching("doc-*.json.gz");

    /// <summary>Generated histories with what was shown at stages of them.</summary>
    public static TheoryData<string> Views => Matching("view-*.json.gz");

    /// <summary>Hostile changes and damaged chunks.</summary>
    public static TheoryData<string> Hostile => Matching("hostile*.json");

    /// <summary>Generated sync transcripts.</summary>
    public static TheoryData<string> Transcripts => Matching("sync-*.json.gz");

    /// <summary>Paths below <c>automerge/</c> of every third-party file, or one empty path when they are absent.</summary>
    public static TheoryData<string> ManifestPaths
    {
        get
        {
            TheoryData<string> data = new();
            if (!File.Exists(ManifestPath))
            {
                data.Add("");
                return data;
            }

            using JsonDocument manifest = JsonDocument.Parse(File.ReadAllBytes(ManifestPath));
            foreach (JsonProperty file in manifest.RootElement.EnumerateObject()) data.Add(file.Name);
            return data;
        }
    }

    private static string ManifestPath => Path.Combine(ThirdParty, "automerge", "manifest.json");

    /// <summary>Skips the test when third-party vectors are absent; fails it on a build server, which must have them.</summary>
    public static void RequireThirdParty()
    {
        if (File.Exists(ManifestPath)) return;
        string reason = $"third-party vectors not found: no {ManifestPath} (set AUTOMERGE_VECTORS)";
        if (Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(reason);
        Assert.Skip(reason);
    }

    public static JsonElement Manifest(string path)
    {
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllBytes(ManifestPath));
        return manifest.RootElement.GetProperty(path).Clone();
    }

    public static byte[] ReadThirdParty(string path)
    {
        RequireThirdParty();
        return File.ReadAllBytes(Path.Combine(ThirdParty, "automerge", path));
    }

    /// <summary>Reads a generated file, packed or not. Relative names are those of <c>tests/vectors</c>.</summary>
    public static JsonElement ReadGenerated(string name)
    {
        using FileStream file = File.OpenRead(Path.Combine(Generated, name));
        using Stream text = name.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
        using JsonDocument json = JsonDocument.Parse(text);
        return json.RootElement.Clone();
    }

    private static TheoryData<string> Matching(string pattern)
    {
        TheoryData<string> data = new();
        foreach (string path in Directory.GetFiles(Generated, pattern).Order(StringComparer.Ordinal)) data.Add(Path.GetFileName(path));
        if (NamedFolder is null || !Directory.Exists(Path.Combine(NamedFolder, "generated"))) return data;
        foreach (string path in Directory.GetFiles(Path.Combine(NamedFolder, "generated"), pattern).Order(StringComparer.Ordinal)) data.Add(path);
        return data;
    }

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ratatoskr.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("Ratatoskr.sln not found above the test assembly");
    }
}
