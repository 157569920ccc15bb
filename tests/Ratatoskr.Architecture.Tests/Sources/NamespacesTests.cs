using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Ratatoskr.Architecture.Tests.Sources;

public partial class NamespacesTests
{
    public static TheoryData<string> SourceProjects => [.. Repository.SourceProjects.Keys.Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(SourceProjects))]
    public void Namespace_equals_folder(string project)
    {
        XDocument file = Repository.SourceProjects[project];
        string root = (string?)file.Descendants("RootNamespace").FirstOrDefault() ?? project;
        string folder = Path.Combine(Repository.Root, "src", project);

        string[] wrong = [.. Repository.Files(folder)
            .Where(path => path.EndsWith(".cs", StringComparison.Ordinal))
            .Select(path => (Path: path, Declared: Declared(path), Expected: Expected(root, folder, path)))
            .Where(source => source.Declared is not null && source.Declared != source.Expected)
            .Select(source => $"{Repository.Relative(source.Path)}: namespace {source.Declared}, folder says {source.Expected}")];

        Assert.Empty(wrong);
    }

    /// <summary>null: the file declares none (top-level statements, assembly attributes).</summary>
    private static string? Declared(string path)
    {
        Match match = NamespaceDeclaration().Match(File.ReadAllText(path));
        return match.Success ? match.Groups[1].Value : null;
    }

    private static string Expected(string root, string folder, string path)
    {
        string below = Path.GetRelativePath(folder, Path.GetDirectoryName(path)!);
        return below == "." ? root : $"{root}.{below.Replace(Path.DirectorySeparatorChar, '.')}";
    }

    [GeneratedRegex(@"^namespace ([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex NamespaceDeclaration();
}
