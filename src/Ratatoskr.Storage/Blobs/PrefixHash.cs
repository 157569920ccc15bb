using System.Security.Cryptography;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Storage.Blobs;

/// <summary>
/// The SHA-256 of an upload's first chunks, as many as have come in order. One at a time takes it to hash the next chunk, and gives it back, with that chunk or
/// not. A state cannot be taken back (.NET has no copy of one), so then all begins anew. In memory only: what is not hashed when an upload is sealed is read then.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class PrefixHash : IDisposable
{
    private readonly Lock _gate = new();
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int _next;
    private bool _isTaken;
    private bool _isSpoiled;
    private bool _hasBegunAnew;
    private bool _isDisposed;

    /// <summary>The chunk that is to be hashed next.</summary>
    public int Next
    {
        get
        {
            lock (_gate) return _next;
        }
    }

    /// <summary>Whether hashing pays before the seal: who sends half a chunk again and again must not have the rest read again each time.</summary>
    public bool IsAhead
    {
        get
        {
            lock (_gate) return !_hasBegunAnew;
        }
    }

    /// <returns>To be given back; null unless this chunk is the next and nobody is at it.</returns>
    public IncrementalHash? TryTake(int index)
    {
        lock (_gate)
        {
            if (_isTaken || _isDisposed || index != _next) return null;
            (_isTaken, _isSpoiled) = (true, false);
            return _hash;
        }
    }

    /// <param name="whole">Whether it has got the whole chunk.</param>
    public void Return(bool whole)
    {
        lock (_gate)
        {
            _isTaken = false;
            if (_isDisposed) _hash.Dispose();
            else if (whole && !_isSpoiled) _next++;
            else BeginAnew();
        }
    }

    /// <summary>Gives it back as it was taken.</summary>
    public void PutBack()
    {
        lock (_gate)
        {
            _isTaken = false;
            if (_isDisposed) _hash.Dispose();
            else if (_isSpoiled) BeginAnew();
        }
    }

    /// <summary>A chunk gets other bytes: what was hashed of it counts no more.</summary>
    public void Forget(int index)
    {
        lock (_gate)
        {
            if (index > _next) return;
            if (_isTaken) _isSpoiled = true;
            else if (index < _next) BeginAnew();
        }
    }

    /// <summary>Of all chunks, when all have been hashed.</summary>
    public BlobHash Current()
    {
        lock (_gate) return BlobHash.From(_hash.GetCurrentHash());
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            if (!_isTaken) _hash.Dispose();
        }
    }

    private void BeginAnew()
    {
        _hasBegunAnew |= _next > 0;
        _next = 0;
        _ = _hash.GetHashAndReset();
    }
}
