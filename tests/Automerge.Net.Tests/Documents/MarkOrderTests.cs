using Automerge.Documents;
using Automerge.Format;

namespace Automerge.Tests.Documents;

public class MarkOrderTests
{
    private const ulong OneCounter = 1UL << 32;

    [Fact]
    public void Close_with_ends_after_their_begins_is_accepted() => Run((2, true), (6, true), (3, false), (7, false));

    [Fact]
    public void Close_with_an_end_before_its_begin_is_refused() => Assert.Throws<AutomergeFormatException>(() => Run((3, false), (2, true)));

    [Fact]
    public void Close_with_an_end_without_begin_is_refused() => Assert.Throws<AutomergeFormatException>(() => Run((2, true), (4, false)));

    [Fact]
    public void Close_forgets_the_object()
    {
        MarkOrder marks = new();
        marks.Add(2 * OneCounter, begins: true);
        marks.Close();
        marks.Add(3 * OneCounter, begins: false);
        Assert.Throws<AutomergeFormatException>(marks.Close);
    }

    private static void Run(params (ulong Counter, bool Begins)[] marks)
    {
        MarkOrder order = new();
        foreach ((ulong counter, bool begins) in marks) order.Add(counter * OneCounter, begins);
        order.Close();
    }
}
