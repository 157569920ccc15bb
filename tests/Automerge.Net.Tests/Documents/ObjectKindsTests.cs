using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;

namespace Automerge.Tests.Documents;

public class ObjectKindsTests
{
    [Fact]
    public void Close_with_objects_made_anywhere_is_accepted() => Run([(9, OpAction.MakeText), (3, OpAction.MakeMap)], [(0, false), (3, false), (9, true)]);

    [Fact]
    public void Close_with_an_object_never_made_is_refused() => Assert.Throws<AutomergeFormatException>(() => Run([(9, OpAction.MakeList)], [(0, false), (3, false)]));

    [Fact]
    public void Close_with_keys_of_the_other_kind_is_refused() => Assert.Throws<AutomergeFormatException>(() => Run([(9, OpAction.MakeList)], [(9, false)]));

    [Fact]
    public void Close_with_elements_in_the_root_is_refused() => Assert.Throws<AutomergeFormatException>(() => Run([], [(0, true)]));

    [Fact]
    public void Close_with_an_empty_table_is_accepted() => Run([(9, OpAction.MakeTable)], [(0, false)]);

    [Fact]
    public void Close_with_keys_in_a_table_is_refused() => Assert.Throws<AutomergeFormatException>(() => Run([(9, OpAction.MakeTable)], [(9, false)]));

    private static void Run((ulong Id, OpAction Made)[] made, (ulong Id, bool IsList)[] used)
    {
        ObjectKinds kinds = new();
        foreach ((ulong id, OpAction action) in made) kinds.Make(id, action);
        foreach ((ulong id, bool isList) in used) kinds.Use(id, isList);
        kinds.Close();
    }
}
