using Ratatoskr.Storage.Faster.Folders;
using Ratatoskr.Storage.Faster.Journals;

namespace Ratatoskr.Storage.Tests.Faster;

/// <summary>What the journal of a stopped store holds behind the checkpoint.</summary>
internal static class StoredJournal
{
    public static List<WalkedEntry> Read(DataFolder folder)
    {
        (long begin, long last, long until) = JournalCommits.Newest(File.ReadAllBytes(Path.Combine(folder.Journal, "commits")));
        long from = Math.Max(begin, CheckpointRecord.Read(folder.Files, folder.CheckpointFile)?.Journal ?? Journal.FirstAddress);
        JournalWalk walk = new(folder.Files, folder.Journal, folder.Geometry);
        List<WalkedEntry> entries = [.. walk.Read(new JournalChain(folder.Journal, from, last), from, until)];
        Assert.Empty(walk.Damages);
        Assert.False(walk.IsTorn);
        return entries;
    }
}
