namespace Ratatoskr.Storage.Faster.Writing;

/// <summary>
/// Guards the reserve: on a full disk FASTER hangs in an upsert and its log never recovers in the process, so it must not come to that.
/// </summary>
/// <remarks>The writer thread's. One statfs per group, a few microseconds.</remarks>
internal sealed class FreeSpace
{
    private readonly Func<long> _available;
    private readonly long _reserve;
    private readonly string _folder;

    public FreeSpace(FasterStoreOptions options)
    {
        _folder = Path.GetFullPath(options.Folder);
        _reserve = options.ReserveBytes;
        DriveInfo drive = new(OperatingSystem.IsWindows() ? Path.GetPathRoot(_folder)! : _folder);
        _available = options.FreeSpace ?? (() => drive.AvailableFreeSpace);
    }

    /// <summary>Whether so many bytes may be written. false: the reason is ready for the caller.</summary>
    public bool Allows(long bytes, out StoreUnavailableException? refusal)
    {
        refusal = null;
        long available = _available();
        // Twice: once to the journal, once to the table.
        if (available - (2 * bytes) >= _reserve) return true;
        refusal = StoreUnavailableException.For("write", _folder, $"{available >> 20} MiB are free and {_reserve >> 20} MiB are kept in reserve");
        return false;
    }
}
