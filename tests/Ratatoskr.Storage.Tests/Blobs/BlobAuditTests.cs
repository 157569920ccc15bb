using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Faster;
using Ratatoskr.Storage.Sqlite;
using Ratatoskr.Storage.Tests.Sqlite;
using static Ratatoskr.Storage.Tests.Blobs.BlobFolder;

namespace Ratatoskr.Storage.Tests.Blobs;

/// <summary>What <c>ratatoskr check</c> finds in the blobs of a stopped server.</summary>
public sealed class BlobAuditTests : IDisposable
{
    private readonly BlobFolder _folder = new();
    private readonly List<string> _damages = [];
    private readonly List<string> _notes = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Sound_blobs_are_found_sound()
    {
        await FillAsync(30);
        Assert.Equal(new FolderFindings(0, 30, 0, 0), await CheckAsync());
        Assert.Empty(_damages);
        Assert.Empty(_notes);
    }

    [Fact]
    public async Task Each_kind_of_difference_is_named_with_hash_and_file()
    {
        StagedBlob[] blobs = await FillAsync(10);
        string[] paths = [.. blobs.Select(blob => _folder.Store.PathOf(blob.Hash))];
        File.Delete(paths[1]);
        using (FileStream cut = File.OpenWrite(paths[3])) cut.SetLength(cut.Length - 1);
        byte[] bytes = await File.ReadAllBytesAsync(paths[5]);
        bytes[^7] ^= 8;
        await File.WriteAllBytesAsync(paths[5], bytes);
        StagedBlob? orphan = (await _folder.Stage.TakeAsync(null, 100, Body("nobody knows"u8.ToArray()), CancellationToken.None)).Blob;
        await _folder.Store.PutAsync(orphan!, CancellationToken.None);

        Assert.Equal(new FolderFindings(0, 10, 1, 3), await CheckAsync());
        foreach ((int index, string why) in new[] { (1, "missing"), (3, "1002 bytes of 1003"), (5, HashOf(bytes).ToString()) })
        {
            Assert.Single(_damages, line => line.Contains(blobs[index].Hash.ToString(), StringComparison.Ordinal) && line.Contains(paths[index], StringComparison.Ordinal) && line.Contains(why, StringComparison.Ordinal));
        }

        Assert.Contains(orphan!.Hash.ToString(), Assert.Single(_notes), StringComparison.Ordinal);
    }

    private async Task<FolderFindings> CheckAsync()
    {
        await (await FasterChunkStore.OpenAsync(new FasterStoreOptions { Folder = _folder.Path, ReserveBytes = 0 })).DisposeAsync();
        return await FolderCheck.RunAsync(_folder.Path, _damages.Add, _notes.Add);
    }

    private async Task<StagedBlob[]> FillAsync(int count)
    {
        await using SqliteAccountStore accounts = await SqliteAccountStore.OpenAsync(AccountFolder.OptionsFor(_folder.Path));
        await accounts.SignInAsync("ann", null, null, CancellationToken.None);
        StagedBlob[] blobs = new StagedBlob[count];
        for (int i = 0; i < count; i++)
        {
            byte[] content = Content(1_000 + i, i);
            StagedBlob? blob = (await _folder.Stage.TakeAsync(content.Length, content.Length, Body(content), CancellationToken.None)).Blob;
            await _folder.Store.PutAsync(blob!, CancellationToken.None);
            Assert.Equal(RoomResult.Done, (await accounts.Blobs.AddAsync("ann", blob!.Hash, blob.Length, "text/plain", DateTimeOffset.UtcNow, CancellationToken.None)).Result);
            await _folder.Stage.DiscardAsync(blob.Id, CancellationToken.None);
            blobs[i] = blob;
        }

        return blobs;
    }
}
