namespace Ratatoskr.Engine.Storage;

/// <summary>Immutable files, named by their content; putting one twice is harmless.</summary>
public interface IBlobStore
{
    ValueTask PutAsync(string hash, Stream content, CancellationToken stop);

    /// <returns>null: not there.</returns>
    ValueTask<Stream?> OpenAsync(string hash, CancellationToken stop);

    ValueTask DeleteAsync(string hash, CancellationToken stop);
}

/// <summary>Bytes and counts promised to writers before they are stored, so that parallel writers cannot pass a limit together.</summary>
public interface IQuotaLedger
{
    /// <returns>false: refused, nothing reserved.</returns>
    ValueTask<bool> TryReserveAsync(string key, long amount, CancellationToken stop);

    ValueTask ReturnAsync(string key, long amount, CancellationToken stop);
}
