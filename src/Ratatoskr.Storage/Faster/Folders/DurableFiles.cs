using System.Runtime.InteropServices;

namespace Ratatoskr.Storage.Faster.Folders;

/// <summary>Small files and directory entries that must be there after a power cut. .NET cannot sync a directory, so libc does.</summary>
/// <remarks>Safe on any thread, for different paths.</remarks>
public static partial class DurableFiles
{
    private const int ReadOnlyDirectory = 0x10000;   // O_RDONLY | O_DIRECTORY (Linux)

    /// <summary>Replaces a file so that after any crash either the old or the new content is there, whole.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        string temporary = path + ".new";
        using (FileStream file = Create(temporary))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
        SyncDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>Makes the names in a directory durable. Elsewhere than on Unix the file system's own journal must do.</summary>
    public static void SyncDirectory(string path)
    {
        if (OperatingSystem.IsWindows()) return;
        int descriptor = OpenFile(path, OperatingSystem.IsLinux() ? ReadOnlyDirectory : 0);
        if (descriptor < 0) throw Failure("opening", path);
        try
        {
            if (SyncFile(descriptor) != 0) throw Failure("syncing", path);
        }
        finally
        {
            _ = CloseFile(descriptor);
        }
    }

    /// <summary>The directory and all below it.</summary>
    public static void SyncTree(string path)
    {
        foreach (string child in Directory.EnumerateDirectories(path)) SyncTree(child);
        SyncDirectory(path);
    }

    /// <summary>A directory only its owner may enter.</summary>
    public static void CreateDirectory(string path)
    {
        if (Directory.Exists(path)) return;
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } parent) SyncDirectory(parent);
    }

    private static FileStream Create(string path)
    {
        FileStreamOptions options = new() { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new FileStream(path, options);
    }

    private static IOException Failure(string doing, string path) =>
        new($"{doing} the directory {path} failed: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SyncFile(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int CloseFile(int descriptor);
}
