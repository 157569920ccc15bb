using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Storage.Blobs;

/// <summary>Uploads in memory: those in use, and the last ones used. Those discarded are remembered for a while, so that a chunk that comes late does not make one of them again.</summary>
/// <remarks>Safe on any thread.</remarks>
/// <param name="close">Gets those that leave, outside the lock: closing a file may wait for the disk.</param>
internal sealed class UploadTable(int idleMax, Func<UploadShape, StagedUpload> open, Action<StagedUpload> close) : IDisposable
{
    /// <summary>Ids, 16 bytes each.</summary>
    public const int DiscardedMax = 4096;

    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, StagedUpload> _uploads = [];
    private readonly LinkedList<StagedUpload> _idle = [];         // the last one used at the end
    private readonly HashSet<Guid> _discarded = [];
    private readonly Queue<Guid> _discardedFirst = [];

    /// <returns>To be disposed after use; null: it has been discarded.</returns>
    public Lease? Rent(UploadShape shape)
    {
        lock (_gate)
        {
            if (_discarded.Contains(shape.Id)) return null;
            if (!_uploads.TryGetValue(shape.Id, out StagedUpload? upload)) _uploads[shape.Id] = upload = open(shape);
            else if (upload.Shape != shape) throw new ArgumentException($"upload {shape.Id} is cut differently", nameof(shape));
            return RentLocked(upload);
        }
    }

    /// <summary>From now on nobody gets it.</summary>
    /// <returns>null: it is not in memory.</returns>
    public Lease? Discard(Guid id)
    {
        lock (_gate)
        {
            if (_discarded.Add(id))
            {
                _discardedFirst.Enqueue(id);
                if (_discardedFirst.Count > DiscardedMax) _discarded.Remove(_discardedFirst.Dequeue());
            }

            return _uploads.TryGetValue(id, out StagedUpload? upload) ? RentLocked(upload) : null;
        }
    }

    public void Dispose()
    {
        List<StagedUpload> closing;
        lock (_gate)
        {
            closing = [.. _idle];
            foreach (StagedUpload upload in closing) _uploads.Remove(upload.Shape.Id);
            _idle.Clear();
        }

        closing.ForEach(close);
    }

    private Lease RentLocked(StagedUpload upload)
    {
        if (upload.Users++ == 0) _idle.Remove(upload);
        return new Lease(this, upload);
    }

    private void Return(StagedUpload upload)
    {
        StagedUpload? leaving;
        lock (_gate)
        {
            leaving = ReturnLocked(upload);
            if (leaving is not null) _uploads.Remove(leaving.Shape.Id);
        }

        if (leaving is not null) close(leaving);
    }

    /// <returns>Who has to go; null: nobody.</returns>
    private StagedUpload? ReturnLocked(StagedUpload upload)
    {
        if (--upload.Users > 0) return null;
        if (upload.IsGone) return upload;
        _idle.AddLast(upload);
        if (_idle.Count <= idleMax) return null;
        StagedUpload longest = _idle.First!.Value;
        _idle.RemoveFirst();
        return longest;
    }

    internal sealed class Lease(UploadTable table, StagedUpload upload) : IDisposable
    {
        public StagedUpload Upload => upload;

        public void Dispose() => table.Return(upload);
    }
}
