using System.Text;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Tests.Documents;
using FsCheck;
using FsCheck.Fluent;

namespace Automerge.Tests.Changes;

public class ChangeLogTests
{
    [Fact]
    public void Rows_added_are_read_back()
    {
        Gen<long> time = Gen.Frequency(
            (8, Gen.Choose(1_700_000_000, 1_700_100_000).Select(value => (long)value)),
            (1, Gen.Elements(0, long.MinValue, long.MaxValue, -1, int.MaxValue, 1L << 40)));
        Gen<string> text = Gen.Frequency((4, Gen.Constant("")), (2, Gen.Constant("the same")), (1, Gen.Choose(0, 9).Select(value => $"message {value}")));
        Prop.ForAll(Gen.Zip(time, Gen.Zip(text, text)).ArrayOf().ToArbitrary(), rows =>
        {
            ChangeLog log = new();
            if (rows.Length % 2 == 0) log.Reserve(rows.Length);
            foreach ((long at, (string message, string extra)) in rows) log.Add(at, Encoding.UTF8.GetBytes(message), Encoding.UTF8.GetBytes(extra));
            Assert.Equal(rows.Length, log.Count);
            for (int row = 0; row < rows.Length; row++)
            {
                (long at, (string message, string extra)) = rows[row];
                Assert.Equal((at, message, extra), (log.TimeOf(row), Encoding.UTF8.GetString(log.MessageOf(row)), Encoding.UTF8.GetString(log.ExtraOf(row))));
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));
    }

    [Fact]
    public void Usual_change_takes_few_bytes()
    {
        ChangeLog log = new();
        for (int i = 0; i < 260_000; i++) log.Add(1_700_000_000 + (i * 7), default, i == 0 ? [1, 3, 1, 2, 3] : default);
        Assert.InRange(log.MemoryBytes, 0, 10 * 260_000);
    }

    [Fact]
    public void Load_gives_the_rows_that_changes_gave()
    {
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            BuiltDocument document = BuiltDocument.Of(RandomDocument.Make(seed, 20));
            ChangeLog loaded = ChangeLog.Load(document.Save(), DocumentLimits.Default);
            Assert.Equal(document.Log.Count, loaded.Count);
            for (int row = 0; row < loaded.Count; row++)
            {
                Assert.Equal(document.Log.TimeOf(row), loaded.TimeOf(row));
                Assert.Equal(document.Log.MessageOf(row), loaded.MessageOf(row));
                Assert.Equal(document.Log.ExtraOf(row), loaded.ExtraOf(row));
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Load_of_more_changes_than_allowed_is_refused()
    {
        byte[] saved = BuiltDocument.Of(RandomDocument.Make(1, 20)).Save();
        Assert.Throws<AutomergeFormatException>(() => ChangeLog.Load(saved, new DocumentLimits { MaxRows = 10 }));
    }

    [Fact]
    public void Row_that_does_not_exist_is_refused()
    {
        ChangeLog log = new();
        Assert.Throws<ArgumentOutOfRangeException>(() => log.TimeOf(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.MessageOf(0).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => log.ExtraOf(-1).Length);
    }
}
