using Ratatoskr.Storage.Faster.Folders;
using Ratatoskr.Storage.Faster.Tables;

namespace Ratatoskr.Storage.Faster.Writing;

/// <summary>
/// Whether anything may be written now. On a full disk FASTER hangs in an upsert and its log never recovers in the process, so a reserve is kept and it never comes to that;
/// in a folder that was removed, or that another was put in the place of, open files can still be written, and nothing of it would be there after a restart.
/// </summary>
/// <remarks>The writer thread's. One statfs per group, a few microseconds; a look at the lock file once a second.</remarks>
internal sealed class WriteGate(FasterStoreOptions options, DataFolder folder, DocumentTable table)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly Func<long> _available = options.FreeSpace ?? folder.Files.AvailableBytesOf(folder.Journal);
    private long _lookedAt = options.Time.GetTimestamp();
    private bool _isInPlace = true;

    /// <summary>Why nothing at all may be written; null when something may.</summary>
    public StoreUnavailableException? Closed()
    {
        if (table.WriteFault is { } fault) return Refusal(fault.Message, fault);
        if (!_isInPlace || options.Time.GetElapsedTime(_lookedAt) >= LookEvery)
        {
            _isInPlace = folder.IsInPlace();
            _lookedAt = options.Time.GetTimestamp();
        }

        return _isInPlace ? null : Refusal("the data folder is not in its place any more");
    }

    /// <summary>Why so many bytes may not be added; null when they may.</summary>
    public StoreUnavailableException? RefusalOf(long bytes)
    {
        long available;
        try
        {
            available = _available();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _isInPlace = false;                                   // until it is seen there again
            return Refusal(e.Message, e);
        }

        // Twice: once to the journal, once to the table.
        return available - (2 * bytes) >= options.ReserveBytes ? null : Refusal($"{available >> 20} MiB are free and {options.ReserveBytes >> 20} MiB are kept in reserve");
    }

    private StoreUnavailableException Refusal(string cause, Exception? inner = null) => StoreUnavailableException.For("write", folder.Root, cause, inner);
}
