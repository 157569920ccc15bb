using System.Xml.Linq;

namespace Ratatoskr.Architecture.Tests.Projects;

/// <summary>The pure projects stay pure: clock, randomness, sockets and files are build errors there, and nobody switched that off.</summary>
public class BannedSymbolsTests
{
    public static TheoryData<string> PureProjects => [.. Layers.Pure];

    [Theory]
    [MemberData(nameof(PureProjects))]
    public void Pure_project_says_that_it_is(string project) =>
        Assert.Equal("true", (string?)Repository.SourceProjects[project].Descendants("PureProject").SingleOrDefault());

    [Fact]
    public void Pure_projects_get_the_analyzer_and_its_list()
    {
        XElement items = Assert.Single(
            XDocument.Load(Path.Combine(Repository.Root, "src", "Directory.Build.targets")).Descendants("ItemGroup"),
            group => ((string?)group.Attribute("Condition"))?.Contains("$(PureProject)", StringComparison.Ordinal) == true);

        Assert.Contains(items.Elements("PackageReference"), item => (string?)item.Attribute("Include") == "Microsoft.CodeAnalysis.BannedApiAnalyzers");
        Assert.Contains(items.Elements("AdditionalFiles"), item => ((string)item.Attribute("Include")!).EndsWith("BannedSymbols.txt", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("P:System.DateTime.UtcNow;")]
    [InlineData("T:System.Diagnostics.Stopwatch;")]
    [InlineData("P:System.Random.Shared;")]
    [InlineData("M:System.Guid.NewGuid;")]
    [InlineData("T:System.IO.File;")]
    [InlineData("N:System.Net.Sockets;")]
    public void List_bans(string entry) =>
        Assert.Contains(
            File.ReadLines(Path.Combine(Repository.Root, "src", "BannedSymbols.txt")),
            line => line.StartsWith(entry, StringComparison.Ordinal));

    [Theory]
    [MemberData(nameof(PureProjects))]
    public void Pure_project_never_silences_the_ban(string project)
    {
        const string Rule = "RS0030"; // "do not use banned APIs"
        IEnumerable<string> silenced = Repository.Files(Path.Combine(Repository.Root, "src", project))
            .Where(file => File.ReadAllText(file).Contains(Rule, StringComparison.Ordinal))
            .Select(Repository.Relative);

        Assert.Empty(silenced);
    }
}
