using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Ratatoskr.Architecture.Tests.Projects;

/// <summary>The direction of knowledge, read from the project files and, since project references are transitive, from what was compiled.</summary>
public class ProjectReferencesTests
{
    public static TheoryData<string> SourceProjects => [.. Repository.SourceProjects.Keys.Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(SourceProjects))]
    public void Project_file_names_only_projects_below_it(string project)
    {
        Assert.True(Layers.MayKnow.TryGetValue(project, out string[]? allowed), $"{project} has no place in Layers.cs yet: say what it may know.");

        IEnumerable<string> named = Repository.SourceProjects[project].Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension(((string)reference.Attribute("Include")!).Replace('\\', '/')));

        Assert.Empty(named.Except(allowed));
    }

    [Theory]
    [MemberData(nameof(SourceProjects))]
    public void Compiled_assembly_uses_only_projects_below_it(string project)
    {
        string[] ours = [.. AssemblyReferences(project).Where(Repository.SourceProjects.ContainsKey)];

        Assert.Empty(ours.Except(Layers.MayKnow[project]));
    }

    [Theory]
    [MemberData(nameof(SourceProjects))]
    public void Compiled_assembly_uses_nothing_foreign_to_its_layer(string project)
    {
        string[] forbidden = Layers.MustNotUse[project];

        Assert.DoesNotContain(AssemblyReferences(project), name => forbidden.Any(prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)));
    }

    [Fact]
    public void Automerge_uses_the_base_class_library_and_nothing_else() =>
        Assert.All(AssemblyReferences(Layers.Automerge), name => Assert.StartsWith("System.", name, StringComparison.Ordinal));

    private static List<string> AssemblyReferences(string project)
    {
        string name = (string?)Repository.SourceProjects[project].Descendants("AssemblyName").FirstOrDefault() ?? project;
        using FileStream file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, name + ".dll"));
        using PEReader image = new(file);
        MetadataReader metadata = image.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
    }
}
