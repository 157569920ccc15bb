using Ratatoskr.Engine.Storage;
using static Ratatoskr.Storage.Tests.Blobs.BlobFolder;

namespace Ratatoskr.Storage.Tests.Blobs;

/// <summary>What every <see cref="IBlobStore"/> does.</summary>
public abstract class BlobStoreContract : IAsyncLifetime
{
    private readonly BlobFolder _folder = new();

    private protected BlobFolder Folder => _folder;

    private protected abstract IBlobStore Store { get; }

    private protected virtual int LargeBytes => 300_000;

    public virtual ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public virtual ValueTask DisposeAsync()
    {
        _folder.Dispose();
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10_240)]
    [InlineData(0)]
    public async Task Blob_is_read_as_it_was_put(int length)
    {
        byte[] content = Content(length == 0 ? LargeBytes : length, 1);
        StagedBlob staged = await PutAsync(content);
        await using IBlobContent? read = await Store.OpenAsync(staged.Hash, CancellationToken.None);
        Assert.NotNull(read);
        Assert.Equal(content.Length, read.Length);
        Assert.Equal(content, await ReadAsync(read, 0, content.Length));
    }

    [Fact]
    public async Task Any_part_can_be_read()
    {
        byte[] content = Content(LargeBytes, 2);
        StagedBlob staged = await PutAsync(content);
        await using IBlobContent? read = await Store.OpenAsync(staged.Hash, CancellationToken.None);
        foreach ((int offset, int length) in new[] { (0, 1), (0, 0), (LargeBytes, 0), (LargeBytes - 1, 1), (1, LargeBytes - 1), (65_535, 2), (65_536, 65_536), (70_000, 140_000) })
        {
            Assert.Equal(content.AsSpan(offset, length).ToArray(), await ReadAsync(read!, offset, length));
        }

        await Assert.ThrowsAnyAsync<ArgumentException>(() => ReadAsync(read!, 1, LargeBytes));
    }

    [Fact]
    public async Task Reader_that_goes_ends_the_sending()
    {
        StagedBlob staged = await PutAsync(Content(LargeBytes, 3));
        await using IBlobContent? read = await Store.OpenAsync(staged.Hash, CancellationToken.None);
        System.IO.Pipelines.Pipe pipe = new();
        Task sending = read!.SendAsync(0, LargeBytes, pipe.Writer, CancellationToken.None).AsTask();
        System.IO.Pipelines.ReadResult some = await pipe.Reader.ReadAsync();
        Assert.InRange(some.Buffer.Length, 1, LargeBytes - 1);
        await pipe.Reader.CompleteAsync();
        await sending;
    }

    [Fact]
    public async Task Nothing_is_there_that_was_not_put()
    {
        BlobHash hash = HashOf("no"u8);
        Assert.Null(await Store.OpenAsync(hash, CancellationToken.None));
        Assert.False(await Store.DeleteAsync(hash, CancellationToken.None));
        Assert.Empty(await ListAsync());
    }

    [Fact]
    public async Task Putting_twice_and_at_once_is_harmless()
    {
        byte[] content = Content(50_000, 4);
        StagedBlob first = await StageAsync(content), second = await StageAsync(content);
        Assert.Equal((first.Hash, first.Length), (second.Hash, second.Length));
        Assert.NotEqual(first.Id, second.Id);
        await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Store.PutAsync(i % 2 == 0 ? first : second, CancellationToken.None).AsTask()));
        await Folder.Stage.DiscardAsync(first.Id, CancellationToken.None);
        await Store.PutAsync(second, CancellationToken.None);
        await Folder.Stage.DiscardAsync(second.Id, CancellationToken.None);
        await using IBlobContent? read = await Store.OpenAsync(first.Hash, CancellationToken.None);
        Assert.Equal(content, await ReadAsync(read!, 0, content.Length));
        StoredBlob listed = Assert.Single(await ListAsync());
        Assert.Equal((first.Hash, 50_000L), (listed.Hash, listed.Length));
    }

    [Fact]
    public async Task Deleted_blob_is_gone_and_can_come_again()
    {
        byte[] content = Content(5_000, 5);
        StagedBlob staged = await PutAsync(content);
        await PutAsync(Content(5_000, 6));
        Assert.True(await Store.DeleteAsync(staged.Hash, CancellationToken.None));
        Assert.False(await Store.DeleteAsync(staged.Hash, CancellationToken.None));
        Assert.Null(await Store.OpenAsync(staged.Hash, CancellationToken.None));
        Assert.Single(await ListAsync());
        await PutAsync(content);
        await using IBlobContent? read = await Store.OpenAsync(staged.Hash, CancellationToken.None);
        Assert.Equal(content, await ReadAsync(read!, 0, content.Length));
    }

    [Fact]
    public async Task All_blobs_are_listed()
    {
        DateTimeOffset before = DateTimeOffset.UtcNow.AddSeconds(-5);
        Dictionary<BlobHash, long> put = [];
        for (int i = 0; i < 25; i++)
        {
            StagedBlob staged = await PutAsync(Content(100 + i, 100 + i));
            put.Add(staged.Hash, staged.Length);
        }

        List<StoredBlob> listed = await ListAsync();
        Assert.Equal(put.OrderBy(one => one.Key.ToString(), StringComparer.Ordinal), listed.Select(one => KeyValuePair.Create(one.Hash, one.Length)).OrderBy(one => one.Key.ToString(), StringComparer.Ordinal));
        Assert.All(listed, one => Assert.InRange(one.WrittenAt, before, DateTimeOffset.UtcNow.AddSeconds(5)));
    }

    private protected async Task<List<StoredBlob>> ListAsync()
    {
        List<StoredBlob> all = [];
        await foreach (StoredBlob blob in Store.ListAsync(CancellationToken.None)) all.Add(blob);
        return all;
    }

    private protected async Task<StagedBlob> StageAsync(byte[] content) =>
        (await Folder.Stage.TakeAsync(content.Length, long.MaxValue, Body(content), CancellationToken.None)).Blob ?? throw new InvalidOperationException("not taken");

    private protected async Task<StagedBlob> PutAsync(byte[] content)
    {
        StagedBlob staged = await StageAsync(content);
        await Store.PutAsync(staged, CancellationToken.None);
        await Folder.Stage.DiscardAsync(staged.Id, CancellationToken.None);
        return staged;
    }
}
