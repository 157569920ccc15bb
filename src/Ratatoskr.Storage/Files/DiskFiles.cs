using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using FASTER.core;
using Microsoft.Win32.SafeHandles;
using Ratatoskr.Storage.Faster.Devices;

namespace Ratatoskr.Storage.Files;

/// <summary>The real ones. .NET cannot sync a directory, so libc does.</summary>
internal sealed partial class DiskFiles : IStoreFiles
{
    private const int ReadOnlyDirectory = 0x10000;   // O_RDONLY | O_DIRECTORY (Linux)
    private const uint WaitThenStart = 1 | 2;        // SYNC_FILE_RANGE_WAIT_BEFORE, SYNC_FILE_RANGE_WRITE
    private const uint StartAndWait = 1 | 2 | 4;     // … SYNC_FILE_RANGE_WAIT_AFTER

    public static readonly DiskFiles Instance = new();

    private DiskFiles()
    {
    }

    public IHeldFile Hold(string path) => new HeldFile(path);

    public bool FileExists(string path) => File.Exists(path);

    public bool DirectoryExists(string path) => Directory.Exists(path);

    public byte[] Read(string path) => File.ReadAllBytes(path);

    public IStoreFile Open(string path, bool create)
    {
        SafeFileHandle handle = File.OpenHandle(path, create ? FileMode.Create : FileMode.Open, FileAccess.ReadWrite);
        if (create && !OperatingSystem.IsWindows()) File.SetUnixFileMode(handle, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new DiskFile(handle);
    }

    public IStoreFile? OpenToRead(string path)
    {
        try
        {
            return new DiskFile(File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public (long Length, DateTimeOffset WrittenAt)? Look(string path)
    {
        FileInfo file = new(path);
        return file.Exists ? (file.Length, new DateTimeOffset(file.LastWriteTimeUtc, TimeSpan.Zero)) : null;
    }

    public LinkOutcome Link(string path, string name, DateTimeOffset writtenAt)
    {
        if (OperatingSystem.IsWindows()) return LinkOutcome.Unsupported;
        File.SetLastWriteTimeUtc(path, writtenAt.UtcDateTime);
        if (LinkFile(path, name) == 0) return LinkOutcome.Linked;
        int error = Marshal.GetLastPInvokeError();
        return error switch
        {
            17 => LinkOutcome.Exists,                             // EEXIST
            1 or 18 or 31 or 38 or 45 or 95 => LinkOutcome.Unsupported, // EPERM, EXDEV, EMLINK, ENOSYS, EOPNOTSUPP (BSD, Linux)
            _ => throw new IOException($"linking {path} as {name} failed: {Marshal.GetPInvokeErrorMessage(error)}"),
        };
    }

    public void Move(string from, string to) => File.Move(from, to, overwrite: true);

    public void Truncate(string path, long length)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        if (RandomAccess.GetLength(file) > length) RandomAccess.SetLength(file, length);
        RandomAccess.FlushToDisk(file);
    }

    public void Delete(string path) => File.Delete(path);

    public void DeleteDirectory(string path) => Directory.Delete(path, recursive: true);

    public void MakeDirectory(string path)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public IEnumerable<string> FilesIn(string directory) => Directory.EnumerateFiles(directory);

    public IEnumerable<string> DirectoriesIn(string directory) => Directory.EnumerateDirectories(directory);

    // Elsewhere than on Unix the file system's own journal must do.
    public void SyncDirectory(string path)
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

    public IDevice OpenDevice(string path) => new FileDevice(path);

    public IDevice OpenJournalDevice(string path) => new JournalDevice(path);

    public Func<long> AvailableBytesOf(string directory)
    {
        DriveInfo drive = new(OperatingSystem.IsWindows() ? Path.GetPathRoot(directory)! : directory);
        return () => drive.AvailableFreeSpace;
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

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int LinkFile(string path, string name);

    [LibraryImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SyncFileRange(SafeFileHandle file, long offset, long length, uint flags);

    private sealed class DiskFile(SafeFileHandle handle) : IStoreFile
    {
        // errno(3): what came before is written or not, and nobody waits for it here.
        private const int InvalidArgument = 22;
        private const int NoSuchCall = 38;
        private int _failure;

        public long Length => RandomAccess.GetLength(handle);

        public int Read(Span<byte> into, long offset) => RandomAccess.Read(handle, into, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(handle, bytes, offset);

        public void StartWriting(long offset, long length)
        {
            long before = Math.Min(offset, length);
            SyncRange(offset - before, before + length, WaitThenStart);
        }

        public void WriteOut(long offset, long length) => SyncRange(offset, length, StartAndWait);

        public bool HasFailed => Volatile.Read(ref _failure) != 0;

        // The kernel tells a failed write once, to whoever waits first.
        public void Sync()
        {
            if (Volatile.Read(ref _failure) is var error and not 0) throw new IOException($"the disk could not write: {Marshal.GetPInvokeErrorMessage(error)}");
            RandomAccess.FlushToDisk(handle);
        }

        public void Dispose() => handle.Dispose();

        private void SyncRange(long offset, long length, uint flags)
        {
            if (!OperatingSystem.IsLinux()) return;
            if (SyncFileRange(handle, offset, length, flags) != 0 && Marshal.GetLastPInvokeError() is not (InvalidArgument or NoSuchCall) and int error)
                Interlocked.CompareExchange(ref _failure, error, 0);
        }
    }

    // .NET takes flock(LOCK_EX | LOCK_NB) for FileShare.None on Unix; the kernel drops it when the process dies.
    private sealed class HeldFile : IHeldFile
    {
        private readonly string _path;
        private readonly FileStream _file;

        public HeldFile(string path)
        {
            _path = path;
            _file = Lock(path, FileMode.OpenOrCreate);
            _file.SetLength(0);
            _file.Write(Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
        }

        // A second lock on the same file is refused, also to us: only another file can be locked.
        public bool IsInPlace()
        {
            if (!File.Exists(_path)) return false;
            try
            {
                Lock(_path, FileMode.Open).Dispose();
                return false;
            }
            catch (IOException)
            {
                return File.Exists(_path);
            }
        }

        public void Dispose() => _file.Dispose();

        private static FileStream Lock(string path, FileMode mode) => new(path, mode, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
    }
}
