namespace Ratatoskr.Storage.Files;

/// <summary>Small files and directory entries that must be there after a power cut.</summary>
/// <remarks>Safe on any thread, for different paths.</remarks>
public static class DurableFiles
{
    /// <summary>Replaces a file so that after any crash either the old or the new content is there, whole.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content) => DiskFiles.Instance.Replace(path, content);

    /// <summary>Makes the names in a directory durable. Elsewhere than on Unix the file system's own journal must do.</summary>
    public static void SyncDirectory(string path) => DiskFiles.Instance.SyncDirectory(path);

    /// <summary>A directory only its owner may enter.</summary>
    public static void CreateDirectory(string path) => DiskFiles.Instance.CreateDirectory(path);

    internal static void Replace(this IStoreFiles files, string path, ReadOnlySpan<byte> content)
    {
        string temporary = path + ".new";
        using (IStoreFile file = files.Open(temporary, create: true))
        {
            file.Write(content, 0);
            file.Sync();
        }

        files.Move(temporary, path);
        files.SyncDirectory(Path.GetDirectoryName(path)!);
    }

    internal static void CreateDirectory(this IStoreFiles files, string path)
    {
        if (files.DirectoryExists(path)) return;
        files.MakeDirectory(path);
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } parent) files.SyncDirectory(parent);
        }
        catch (IOException)
        {
            files.DeleteDirectory(path);                          // or the next time it would be taken for durable
            throw;
        }
    }

    /// <summary>The directory and all below it.</summary>
    internal static void SyncTree(this IStoreFiles files, string path)
    {
        foreach (string child in files.DirectoriesIn(path)) files.SyncTree(child);
        files.SyncDirectory(path);
    }
}
