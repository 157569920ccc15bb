using System.Diagnostics;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Storage.Blobs;

/// <summary>Which chunks of an upload are there.</summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class UploadChunks(int count)
{
    private readonly Lock _gate = new();
    private readonly bool[] _isThere = new bool[count];
    private int _received;

    public int Received
    {
        get
        {
            lock (_gate) return _received;
        }
    }

    public bool Has(int index)
    {
        lock (_gate) return _isThere[index];
    }

    public ChunksReceived Snapshot()
    {
        lock (_gate) return new ChunksReceived(_received, [.. _isThere]);
    }

    /// <summary>One that was not there is.</summary>
    public void Add(int index)
    {
        lock (_gate)
        {
            Debug.Assert(!_isThere[index], "a chunk that is written is not there");
            _isThere[index] = true;
            _received++;
        }
    }

    public void AddAll()
    {
        lock (_gate)
        {
            Array.Fill(_isThere, true);
            _received = count;
        }
    }

    /// <returns>Whether it was there.</returns>
    public bool Remove(int index)
    {
        lock (_gate)
        {
            if (!_isThere[index]) return false;
            _isThere[index] = false;
            _received--;
            return true;
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            Array.Clear(_isThere);
            _received = 0;
        }
    }
}
