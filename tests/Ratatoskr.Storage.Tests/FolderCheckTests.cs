using System.Security.Cryptography;
using System.Text;
using Ratatoskr.Storage.Faster;
using Ratatoskr.Storage.Tests.Contract;
using Ratatoskr.Storage.Tests.Faster;
using static Ratatoskr.Storage.Tests.Contract.TestDocuments;

namespace Ratatoskr.Storage.Tests;

/// <summary>What <c>ratatoskr check</c> finds in the folder of a stopped server.</summary>
public sealed class FolderCheckTests : IDisposable
{
    private readonly StoreFolder _folder = new();
    private readonly List<string> _damages = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Sound_folder_is_found_sound_and_stays_so()
    {
        await FillAsync();
        for (int i = 0; i < 2; i++) Assert.Equal(new FolderFindings(20, 0, 0, 0), await FolderCheck.RunAsync(_folder.Path, _damages.Add));
        Assert.Empty(_damages);
    }

    [Fact]
    public async Task Damaged_document_is_named_and_the_others_are_looked_at()
    {
        await FillAsync();
        byte[] content = ContentOf(7);
        string file = Path.Combine(_folder.Path, "documents", "table", "table.0");
        byte[] bytes = await File.ReadAllBytesAsync(file);
        bytes[bytes.AsSpan().IndexOf(content) + 9] ^= 1;
        await File.WriteAllBytesAsync(file, bytes);
        // With it those whose records FASTER reads together with the damaged sector.
        (long documents, _, _, long damages) = await FolderCheck.RunAsync(_folder.Path, _damages.Add);
        Assert.Equal(20, documents);
        Assert.InRange(damages, 1, 5);
        Assert.Contains(_damages, line => line.Contains(Id(7).ToString(), StringComparison.Ordinal) && line.Contains(file, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Damaged_journal_entry_is_named_with_its_document_and_remembered()
    {
        FasterChunkStore store = await FasterChunkStore.OpenAsync(_folder.Options);
        for (int i = 0; i < 20; i++) await store.AppendAsync(Append(Id(i), ContentOf(i), Hash(i)), Now, CancellationToken.None);
        await store.AbandonAsync();
        using (StoreFolder sound = _folder.Image()) Assert.Equal(new FolderFindings(20, 0, 0, 0), await FolderCheck.RunAsync(sound.Path, _damages.Add));
        string file = Path.Combine(_folder.Path, "documents", "journal", "journal.0");
        byte[] bytes = await File.ReadAllBytesAsync(file);
        bytes[bytes.AsSpan().IndexOf(ContentOf(7)) + 9] ^= 1;
        await File.WriteAllBytesAsync(file, bytes);
        // The entry in its file, and the document.
        Assert.Equal(new FolderFindings(20, 0, 0, 2), await FolderCheck.RunAsync(_folder.Path, _damages.Add));
        Assert.All(_damages, line => Assert.Contains(Id(7).ToString(), line, StringComparison.Ordinal));
        Assert.Contains(_damages, line => line.Contains(file, StringComparison.Ordinal));
        Assert.Equal(new FolderFindings(20, 0, 0, 1), await FolderCheck.RunAsync(_folder.Path, _damages.Add));
    }

    [Fact]
    public async Task Content_that_is_no_change_is_named()
    {
        await FillAsync();
        await using (FasterChunkStore store = await FasterChunkStore.OpenAsync(_folder.Options)) await store.AppendAsync(Id(3), 1);
        Assert.Equal(new FolderFindings(20, 0, 0, 1), await FolderCheck.RunAsync(_folder.Path, _damages.Add));
        Assert.Contains($"{Id(3)}: tail entry 2", Assert.Single(_damages), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Damaged_database_is_named()
    {
        await FillAsync();
        string file = Path.Combine(_folder.Path, "ratatoskr.db");
        await File.WriteAllBytesAsync(file, Encoding.ASCII.GetBytes(new string('x', 5000)));
        Assert.Equal(new FolderFindings(20, 0, 0, 1), await FolderCheck.RunAsync(_folder.Path, _damages.Add));
        Assert.Contains(file, Assert.Single(_damages), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Folder_in_use_and_folder_of_something_else_are_refused()
    {
        await Assert.ThrowsAsync<StoreFolderException>(() => FolderCheck.RunAsync(_folder.Path, _damages.Add));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
        await using FasterChunkStore store = await FasterChunkStore.OpenAsync(_folder.Options);
        StoreFolderException e = await Assert.ThrowsAsync<StoreFolderException>(() => FolderCheck.RunAsync(_folder.Path, _damages.Add));
        Assert.Contains("in use", e.Message, StringComparison.Ordinal);
    }

    private async Task FillAsync()
    {
        await using FasterChunkStore store = await FasterChunkStore.OpenAsync(_folder.Options);
        for (int i = 0; i < 20; i++) await store.AppendAsync(Append(Id(i), ContentOf(i), Hash(i)), Now, CancellationToken.None);
    }

    // A chunk as far as its frame and checksum go.
    private static byte[] ContentOf(int seed)
    {
        byte[] hashed = [1, 100, .. Bytes(seed, 100)];
        return [0x85, 0x6F, 0x4A, 0x83, .. SHA256.HashData(hashed).AsSpan(0, 4), .. hashed];
    }
}
