using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.RemoteHeads;

/// <summary>The newest heads of a document that each store is known to have, as CBOR ready to be forwarded. Bounded; made when the first is heard of.</summary>
internal sealed class RemoteHeadsTable(int countMax)
{
    private readonly Dictionary<StorageId, Entry> _entries = new(StorageId.Comparer.Instance);

    /// <summary>An estimate of what the table takes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Takes strictly newer news.</summary>
    /// <param name="kept">false: news, but there is no room for them; to be passed on only.</param>
    /// <returns>false: known already, or older.</returns>
    public bool TryUpdate(StorageId storageId, ReadOnlySpan<byte> heads, double timestamp, out bool kept)
    {
        kept = false;
        if (_entries.TryGetValue(storageId, out Entry? known) && timestamp <= known.Timestamp) return false;
        if (known is null && _entries.Count >= countMax) return true;        // passed on, not remembered
        if (known is null) Bytes += 128 + storageId.Text.Length;
        kept = true;
        Bytes += heads.Length - (known?.Heads.Length ?? 0);
        _entries[storageId] = new Entry(heads.ToArray(), timestamp);
        return true;
    }

    public Entry? Find(StorageId storageId) => _entries.GetValueOrDefault(storageId);

    /// <param name="Heads">A CBOR array of texts.</param>
    /// <param name="Timestamp">Milliseconds since 1970, by the clock of the node that saw the heads first-hand.</param>
    public sealed record Entry(byte[] Heads, double Timestamp);
}
