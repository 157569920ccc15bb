using System.Xml.Linq;

namespace Ratatoskr.Architecture.Tests;

/// <summary>The checked-out repository these tests were built from.</summary>
internal static class Repository
{
    /// <summary>Folders that hold what a build, a package manager or a running server leaves behind (see .gitignore).</summary>
    private static readonly HashSet<string> NotSource =
        [".git", "bin", "obj", "artifacts", "node_modules", "data", ".data", "TestResults", "BenchmarkDotNet.Artifacts", ".vs", ".idea", ".vscode"];

    public static string Root { get; } = FindRoot();

    /// <summary>Project name to project file, for everything under src/.</summary>
    public static IReadOnlyDictionary<string, XDocument> SourceProjects { get; } =
        Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories)
            .ToDictionary(path => Path.GetFileNameWithoutExtension(path), XDocument.Load);

    public static IEnumerable<string> Files(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder))
            if (!NotSource.Contains(Path.GetFileName(file))) yield return file; // in a second work tree .git is a file
        foreach (string child in Directory.EnumerateDirectories(folder))
        {
            if (NotSource.Contains(Path.GetFileName(child))) continue;
            foreach (string file in Files(child)) yield return file;
        }
    }

    public static string Relative(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Ratatoskr.sln"))) return folder.FullName;
        throw new InvalidOperationException("These tests run from inside the repository: no Ratatoskr.sln above " + AppContext.BaseDirectory);
    }
}
