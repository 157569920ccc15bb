using FASTER.core;

namespace Ratatoskr.Storage.Files;

/// <summary>
/// The file system, as far as the store needs it. Nothing else in the store touches files, so that a test can put one in its place
/// which forgets at a power cut what was not synced, tears what was under way, and fails when told to.
/// </summary>
/// <remarks>Safe on any thread. What fails throws <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>; devices tell by their error code.</remarks>
internal interface IStoreFiles
{
    /// <summary>Makes the file and holds it for this process until disposal.</summary>
    /// <exception cref="IOException">Another process holds it.</exception>
    IHeldFile Hold(string path);

    bool FileExists(string path);

    bool DirectoryExists(string path);

    byte[] Read(string path);

    /// <summary>For reading and writing at any place. With <paramref name="create"/> it is made, and emptied if it was there.</summary>
    IStoreFile Open(string path, bool create);

    /// <summary>For reading only.</summary>
    /// <returns>null: there is no such file.</returns>
    IStoreFile? OpenToRead(string path);

    /// <returns>A file's length and when it was last written or touched; null: there is no such file.</returns>
    (long Length, DateTimeOffset WrittenAt)? Look(string path);

    /// <summary>Gives a file a second name, and its time of writing; durable when the directory was synced.</summary>
    LinkOutcome Link(string path, string name, DateTimeOffset writtenAt);

    /// <summary>Renames a file, over another if there is one; durable when the directory it comes to was synced.</summary>
    void Move(string from, string to);

    /// <summary>Cuts a file off where it is longer than this; durable at the return, with all that was written before.</summary>
    void Truncate(string path, long length);

    void Delete(string path);

    /// <summary>With all that is in it.</summary>
    void DeleteDirectory(string path);

    /// <summary>Only its owner may enter it.</summary>
    void MakeDirectory(string path);

    /// <summary>Full paths.</summary>
    IEnumerable<string> FilesIn(string directory);

    /// <summary>Full paths.</summary>
    IEnumerable<string> DirectoriesIn(string directory);

    /// <summary>Makes the names in a directory durable.</summary>
    void SyncDirectory(string path);

    /// <summary>Segment files <c>path.0</c>, <c>path.1</c> …, whose writes are durable when they are answered; the files' names are not.</summary>
    IDevice OpenDevice(string path);

    /// <summary>The same for who waits for each write: it may have been done by the time the call returns.</summary>
    IDevice OpenJournalDevice(string path);

    /// <summary>Says how many bytes may still be written where this directory lies; throws <see cref="IOException"/> while it is not there.</summary>
    Func<long> AvailableBytesOf(string directory);
}

/// <summary>A file that this process holds; let go by disposal.</summary>
internal interface IHeldFile : IDisposable
{
    /// <summary>Whether the file at the path is still the one that is held: the folder was neither removed nor replaced.</summary>
    bool IsInPlace();
}

/// <summary>An open file. Writes are durable after <see cref="Sync"/>.</summary>
/// <remarks>Reads and writes of different places may be under way at once; nothing else.</remarks>
internal interface IStoreFile : IDisposable
{
    long Length { get; }

    /// <returns>Bytes read; fewer than asked for only at the end of the file.</returns>
    int Read(Span<byte> into, long offset);

    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>
    /// Has the disk begin with what was written here, so that less is left to <see cref="Sync"/>; when it is done with as many bytes before these, so that no more than that is
    /// on its way: others' syncs of other files wait for what the disk has been given. What fails is told by <see cref="HasFailed"/> and <see cref="Sync"/>, and by no other handle of the
    /// file, now or later: the kernel tells it once.
    /// </summary>
    void StartWriting(long offset, long length);

    /// <summary>Has the disk write what was written here, and waits until it has: they are not durable yet, but nothing of them is on its way any more. Failures as with <see cref="StartWriting"/>.</summary>
    void WriteOut(long offset, long length);

    /// <summary>The disk could not write something of this file, wherever in it: nothing that was not synced before can be trusted, however well it reads.</summary>
    bool HasFailed { get; }

    void Sync();
}

internal enum LinkOutcome : byte
{
    Linked,

    /// <summary>There is something of that name already.</summary>
    Exists,

    /// <summary>The file system has no second names, or not for this file.</summary>
    Unsupported,
}
