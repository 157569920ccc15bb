using Automerge.Documents;
using Automerge.Format;

namespace Automerge.Tests.Documents;

public class ObjectKindsTests
{
    [Fact]
    public void Close_with_objects_made_anywhere_is_accepted() => Run([(9, true), (3, false)], [(0, false), (3, false), (9, true)]);

    [Fact]
    public void Close_with_an_object_never_made_is_refused() => Assert.Throws<AutomergeFormatException>(() => Run([(9, true)], [(0, false), (3, false)]));

    [Fact]
    public void Close_with_keys_of_the_other_kind_is_refused() => Assert.Throws<AutomergeFormatException>(() => Run([(9, true)], [(9, false)]));

    [Fact]
    public void Close_with_elements_in_the_root_is_refused() => Assert.Throws<AutomergeFormatException>(() => Run([], [(0, true)]));

    private static void Run((ulong Id, bool IsList)[] made, (ulong Id, bool IsList)[] used)
    {
        ObjectKinds kinds = new();
        foreach ((ulong id, bool isList) in made) kinds.Make(id, isList);
        foreach ((ulong id, bool isList) in used) kinds.Use(id, isList);
        kinds.Close();
    }
}
