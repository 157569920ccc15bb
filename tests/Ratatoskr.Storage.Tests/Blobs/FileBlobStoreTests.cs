using Ratatoskr.Engine.Storage;
using static Ratatoskr.Storage.Tests.Blobs.BlobFolder;

namespace Ratatoskr.Storage.Tests.Blobs;

public sealed class FileBlobStoreTests : BlobStoreContract
{
    private protected override IBlobStore Store => Folder.Store;

    [Fact]
    public async Task Names_that_are_no_hash_or_in_no_right_place_are_passed_by()
    {
        StagedBlob staged = await PutAsync(Content(10, 1));
        string path = Folder.Store.PathOf(staged.Hash), folder = Path.GetDirectoryName(path)!, blobs = Path.Combine(Folder.Path, "blobs");
        await File.WriteAllTextAsync(Path.Combine(folder, "README"), "");
        await File.WriteAllTextAsync(path + ".copy", "");
        await File.WriteAllTextAsync(Path.Combine(folder, Path.GetFileName(path).ToUpperInvariant()), "");
        Directory.CreateDirectory(Path.Combine(blobs, "zz", "00"));
        await File.WriteAllTextAsync(Path.Combine(blobs, "zz", "00", Path.GetFileName(path)), "");
        Assert.Equal(staged.Hash, Assert.Single(await ListAsync()).Hash);
    }

    [Fact]
    public async Task Blob_that_was_cut_is_replaced_by_a_whole_one()
    {
        byte[] content = Content(5_000, 1);
        StagedBlob staged = await PutAsync(content);
        using (FileStream cut = File.OpenWrite(Folder.Store.PathOf(staged.Hash))) cut.SetLength(4_999);
        await PutAsync(content);
        await using IBlobContent? read = await Store.OpenAsync(staged.Hash, CancellationToken.None);
        Assert.Equal(content, await ReadAsync(read!, 0, content.Length));
    }

    [Fact]
    public async Task Blob_keeps_its_bytes_when_the_upload_it_came_from_is_written_again()
    {
        byte[] content = Content(3_000, 1), other = Content(1_000, 2);
        UploadShape upload = new(Guid.NewGuid(), content.Length, 1_000);
        for (int i = 0; i < 3; i++) await Folder.Stage.WriteChunkAsync(upload, i, Body(content.AsMemory(i * 1_000, 1_000)), CancellationToken.None);
        StagedBlob? staged = await Folder.Stage.SealAsync(upload, CancellationToken.None);
        await Store.PutAsync(staged!, CancellationToken.None);
        await Folder.Stage.WriteChunkAsync(upload, 1, Body(other), CancellationToken.None);
        StagedBlob? again = await Folder.Stage.SealAsync(upload, CancellationToken.None);
        other.CopyTo(content, 1_000);
        Assert.Equal(HashOf(content), again!.Hash);
        await using IBlobContent? read = await Store.OpenAsync(staged!.Hash, CancellationToken.None);
        Assert.Equal(staged.Hash, HashOf(await ReadAsync(read!, 0, 3_000)));
    }
}
