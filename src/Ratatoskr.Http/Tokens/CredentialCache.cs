using System.Collections.Concurrent;

namespace Ratatoskr.Http.Tokens;

/// <summary>
/// What the store said of the credentials used lately, so that a request or a connect does not ask it. A revocation empties it at once, also of answers that
/// are still on their way: what was asked before a revocation is never kept after it.
/// </summary>
/// <remarks>Safe on any thread. Bounded: full, it forgets everything and fills again, which costs one look-up per credential in use.</remarks>
internal sealed class CredentialCache<TKey, TValue>(int capacity)
    where TKey : notnull
    where TValue : class
{
    private readonly ConcurrentDictionary<TKey, TValue> _known = new();
    private long _generation;
    private int _count;

    /// <summary>Read it before asking the store.</summary>
    public long Generation => Volatile.Read(ref _generation);

    public int Count => Volatile.Read(ref _count);

    public TValue? Find(TKey key) => _known.GetValueOrDefault(key);

    /// <param name="asked">The <see cref="Generation"/> from before the store was asked.</param>
    public void Keep(TKey key, TValue value, long asked)
    {
        if (Volatile.Read(ref _count) >= capacity) Clear();
        if (asked != Generation) return;
        if (_known.TryAdd(key, value)) Interlocked.Increment(ref _count);
        else _known[key] = value;
        if (asked != Generation) Remove(key); // revoked between the look and the add
    }

    public void Remove(TKey key)
    {
        Interlocked.Increment(ref _generation);
        if (_known.TryRemove(key, out _)) Interlocked.Decrement(ref _count);
    }

    public void Clear()
    {
        Interlocked.Increment(ref _generation);
        _known.Clear();
        Volatile.Write(ref _count, 0);
    }
}
