using Automerge.Sync;

namespace Automerge.Tests.Sync;

public class RowRangesTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Add_in_any_order_agrees_with_a_set(int seed)
    {
        Random random = new(seed);
        for (int round = 0; round < 300; round++)
        {
            RowRanges ranges = default;
            HashSet<int> set = [];
            for (int i = 0; i < random.Next(1, 25); i++)
            {
                int start = random.Next(60), end = start + random.Next(10);
                ranges.Add(start, end);
                set.UnionWith(Enumerable.Range(start, end - start));
                for (int row = 0; row < 75; row++) Assert.Equal(set.Contains(row), ranges.Contains(row));
                Assert.Equal(set.Count == 0, ranges.IsEmpty);
                Assert.Equal(set.Count(row => !set.Contains(row - 1)), ranges.RangeCount);
                Assert.Equal(set.Count == 0 ? int.MaxValue : set.Min(), ranges.Lowest);
            }
        }
    }
}
