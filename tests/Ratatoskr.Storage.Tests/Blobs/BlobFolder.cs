using System.IO.Pipelines;
using System.Security.Cryptography;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Blobs;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Tests.Blobs;

/// <summary>A stage and a store of files over one folder, of which one after another opens it; small pieces, so that little data already has many.</summary>
internal sealed class BlobFolder : IDisposable
{
    public const int PieceBytes = 1000;

    private readonly string? _temporary;
    private readonly IStoreFiles _files;
    private readonly Func<BlobDiskOptions, BlobDiskOptions> _with;

    public BlobFolder(IStoreFiles? files = null, Func<BlobDiskOptions, BlobDiskOptions>? with = null)
    {
        _files = files ?? DiskFiles.Instance;
        _with = with ?? (options => options);
        if (files is null) _temporary = Directory.CreateTempSubdirectory("ratatoskr-").FullName;
        else if (!files.DirectoryExists("/data")) files.CreateDirectory("/data");
        Open();
    }

    public BlobDisk Disk { get; private set; } = null!;

    public FileBlobStage Stage { get; private set; } = null!;

    public FileBlobStore Store { get; private set; } = null!;

    public string Path => _temporary ?? "/data";

    public string StageFolder => System.IO.Path.Combine(Path, "blobs", "stage");

    /// <summary>As another process would find it.</summary>
    public async Task<IReadOnlyList<StagedBlob>> RestartAsync(params Guid[] uploads)
    {
        Close();
        foreach (string map in _files.DirectoryExists(StageFolder) ? _files.FilesIn(StageFolder).Where(file => file.EndsWith(".map", StringComparison.Ordinal)).ToList() : []) Age(map);
        Open();
        return await Stage.RecoverAsync(uploads.ToHashSet(), CancellationToken.None);
    }

    public static byte[] Content(int length, int seed)
    {
        byte[] content = new byte[length];
        new Random(seed).NextBytes(content);
        return content;
    }

    public static BlobHash HashOf(ReadOnlySpan<byte> content) => BlobHash.From(SHA256.HashData(content));

    /// <summary>A body that has all of it.</summary>
    public static PipeReader Body(ReadOnlyMemory<byte> content) => PipeReader.Create(new System.Buffers.ReadOnlySequence<byte>(content));

    public static async Task<byte[]> ReadAsync(IBlobContent content, long offset, long length)
    {
        Pipe pipe = new();
        Task<byte[]> reading = ReadAllAsync(pipe.Reader);
        await content.SendAsync(offset, length, pipe.Writer, CancellationToken.None);
        await pipe.Writer.CompleteAsync();
        return await reading;
    }

    public void Dispose()
    {
        Close();
        if (_temporary is not null) Directory.Delete(_temporary, recursive: true);
    }

    private static async Task<byte[]> ReadAllAsync(PipeReader reader)
    {
        using MemoryStream all = new();
        await reader.CopyToAsync(all);
        return all.ToArray();
    }

    private void Open()
    {
        Disk = new BlobDisk(_with(new BlobDiskOptions { Folder = Path, ReserveBytes = 0, PieceBytes = PieceBytes, Files = _files }));
        Stage = new FileBlobStage(Disk);
        Store = new FileBlobStore(Disk);
    }

    private void Close()
    {
        Stage.Dispose();
        Disk.Dispose();
    }

    // Entries as an earlier run has left them: those of this one are believed.
    private void Age(string map)
    {
        using IStoreFile file = _files.Open(map, create: false);
        byte[] bytes = new byte[file.Length];
        file.Read(bytes, 0);
        for (int index = 0; ChunkMap.PlaceOf(index) + ChunkMap.EntrySize <= bytes.Length; index++)
        {
            Span<byte> entry = bytes.AsSpan((int)ChunkMap.PlaceOf(index), ChunkMap.EntrySize);
            if (ChunkMap.TryReadEntry(entry, index, out uint sum, out ulong run) && run == ChunkMap.Run) ChunkMap.WriteEntry(entry, index, sum, ChunkMap.Run ^ 1);
        }

        file.Write(bytes, 0);
    }
}
