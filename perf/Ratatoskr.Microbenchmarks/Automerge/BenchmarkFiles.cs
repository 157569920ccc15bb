namespace Ratatoskr.Microbenchmarks.Automerge;

/// <summary>Finds third-party documents: the folder AUTOMERGE_VECTORS, or <c>../shared/vectors</c> beside the repository.</summary>
internal static class BenchmarkFiles
{
    public static byte[] Read(string path)
    {
        string? folder = Environment.GetEnvironmentVariable("AUTOMERGE_VECTORS");
        if (string.IsNullOrEmpty(folder)) folder = Path.Combine(Root(), "..", "shared", "vectors");
        return File.ReadAllBytes(Path.Combine(folder, "automerge", path));
    }

    // BenchmarkDotNet runs from folders of its own below the repository.
    private static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ratatoskr.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("Ratatoskr.sln not found; set AUTOMERGE_VECTORS");
    }
}
