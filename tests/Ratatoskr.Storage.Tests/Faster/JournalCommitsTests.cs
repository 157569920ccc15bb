using Ratatoskr.Storage.Faster.Journals;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Tests.Faster;

/// <summary>A commit is waited for until its files have durable names, not until FASTER believes it complete.</summary>
public sealed class JournalCommitsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-commits-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Wait_ends_when_the_commit_has_been_told_of()
    {
        using JournalCommits commits = new(DiskFiles.Instance, _folder, 1 << 20);
        Task waiting = Task.Run(() => commits.Wait(200), TestContext.Current.CancellationToken);
        commits.Commit(64, 100, new byte[40], 1, forceWriteMetadata: false);
        Assert.False(waiting.IsCompleted);
        commits.Commit(64, 200, new byte[40], 2, forceWriteMetadata: false);
        await waiting;
    }

    [Fact]
    public async Task Write_that_has_failed_ends_the_waiting()
    {
        using JournalCommits commits = new(DiskFiles.Instance, _folder, 1 << 20);
        Task waiting = Task.Run(() => commits.Wait(200), TestContext.Current.CancellationToken);
        commits.Fail(new IOException("full"));
        Assert.Contains("full", (await Assert.ThrowsAsync<IOException>(() => waiting)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Slot_that_cannot_be_written_ends_the_waiting()
    {
        using JournalCommits commits = new(DiskFiles.Instance, _folder, 1 << 20);
        Assert.Throws<InvalidOperationException>(() => commits.Commit(64, 200, new byte[JournalCommits.SlotSize], 1, forceWriteMetadata: false));
        Assert.Throws<IOException>(() => commits.Wait(200));
    }
}
