using Automerge.Documents;
using Automerge.Format;
using FsCheck;
using FsCheck.Fluent;

namespace Automerge.Tests.Documents;

public class ListOrderTests
{
    private const ulong OneCounter = 1UL << 32;

    // Ids in causal order, each after an earlier element or the head; the list is built by the rule as peers apply it.
    private static readonly Gen<(ulong Id, ulong Reference)[]> List =
        from seed in Gen.Choose(0, int.MaxValue)
        from count in Gen.Choose(1, 30)
        select Build(new Random(seed), count);

    [Fact]
    public void Add_in_the_order_of_inserting_is_accepted() =>
        Prop.ForAll(List.ToArbitrary(), list => Assert.Null(Fault(list))).Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));

    [Fact]
    public void Add_with_any_two_neighbours_swapped_is_refused() =>
        Prop.ForAll(List.ToArbitrary(), list =>
        {
            for (int i = 0; i + 1 < list.Length; i++)
            {
                (ulong, ulong)[] swapped = [.. list];
                (swapped[i], swapped[i + 1]) = (swapped[i + 1], swapped[i]);
                Assert.NotNull(Fault(swapped));
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));

    [Fact]
    public void Add_after_a_later_or_unknown_element_is_refused()
    {
        Assert.NotNull(Fault([(5 * OneCounter, 6 * OneCounter)]));
        Assert.NotNull(Fault([(5 * OneCounter, 0), (7 * OneCounter, 6 * OneCounter)]));
    }

    private static string? Fault((ulong Id, ulong Reference)[] list)
    {
        ListOrder order = new();
        try
        {
            foreach ((ulong id, ulong reference) in list) order.Add(id, reference);
            return null;
        }
        catch (AutomergeFormatException exception)
        {
            return exception.Message;
        }
    }

    // An insert goes right after its reference, then skips elements with a greater id.
    private static (ulong, ulong)[] Build(Random random, int count)
    {
        List<(ulong Id, ulong Reference)> list = [];
        ulong counter = 2;
        while (list.Count < count)
        {
            // Concurrent inserts share a counter; typing continues the newest element.
            if (random.Next(4) != 0) counter++;
            ulong id = (counter * OneCounter) | (uint)random.Next(3);
            if (list.Exists(element => element.Id == id)) continue;
            ulong[] earlier = [0, .. list.Select(element => element.Id).Where(known => known >> 32 < counter)];
            ulong reference = random.Next(2) == 0 ? earlier.Max() : earlier[random.Next(earlier.Length)];
            int at = list.FindIndex(element => element.Id == reference) + 1;
            while (at < list.Count && list[at].Id > id) at++;
            list.Insert(at, (id, reference));
        }

        return [.. list];
    }
}
