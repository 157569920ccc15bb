using System.Text.RegularExpressions;

namespace Ratatoskr.Architecture.Tests.Sources;

/// <summary>Nothing in the repository depends on the machine it was written on.</summary>
public partial class RepositoryFilesTests
{
    [Fact]
    public void No_file_names_an_absolute_path_of_somebodys_machine()
    {
        string[] found = [.. Repository.Files(Repository.Root)
            .Where(IsText)
            .SelectMany(path => File.ReadLines(path).Select((text, index) => (path, text, line: index + 1)))
            .Where(row => WorkplacePath().IsMatch(row.text))
            .Select(row => $"{Repository.Relative(row.path)}:{row.line}: {row.text.Trim()}")];

        Assert.Empty(found);
    }

    [Fact]
    public void Npm_lock_files_name_no_registry_host()
    {
        string[] locks = [.. Repository.Files(Repository.Root).Where(path => Path.GetFileName(path) == "package-lock.json")];

        Assert.NotEmpty(locks);
        Assert.All(locks, path => Assert.DoesNotContain("\"resolved\"", File.ReadAllText(path), StringComparison.Ordinal));
    }

    private static bool IsText(string path)
    {
        using FileStream file = File.OpenRead(path);
        Span<byte> start = stackalloc byte[4096];
        int read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        return !start[..read].Contains((byte)0);
    }

    // A rooted path under a home or work folder; what stands before it must not make it part of a URL or a relative path.
    [GeneratedRegex(@"(?<![\w.\-/:~$}])/(?:work|root|home/\w+|Users/\w+)/")]
    private static partial Regex WorkplacePath();
}
