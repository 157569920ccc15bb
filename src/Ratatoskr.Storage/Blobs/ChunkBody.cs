using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Blobs;

/// <summary>
/// One chunk on its way from a request's body to its place. While what comes is what is there, nothing is written; from the first piece that differs on the chunk is not there until its last byte is.
/// </summary>
/// <remarks>One caller. What has not come yet waits in the body's own buffers; a thread of the disk has a piece only while it works on it.</remarks>
internal sealed class ChunkBody(BlobDisk disk, StagedUpload upload, int index, BodyRoom.Place place)
{
    private readonly int _length = upload.Shape.LengthOf(index);
    private readonly long _start = (long)index * upload.Shape.ChunkSize;
    private int _done;
    private uint _sum = uint.MaxValue;
    private bool _hasBegun;
    private IncrementalHash? _hash;

    public async ValueTask<ChunkResult> WriteAsync(PipeReader body)
    {
        try
        {
            return await ReceiveAsync(body).ConfigureAwait(false);
        }
        finally
        {
            if (_hasBegun) upload.LeaveChunk();
        }
    }

    private async ValueTask<ChunkResult> ReceiveAsync(PipeReader body)
    {
        CancellationToken stop = place.Stop;
        bool isComparing = upload.Has(index), whole = false;
        try
        {
            if (!isComparing && !await BeginAsync(stop).ConfigureAwait(false)) return ChunkResult.Gone;
            while (_done < _length)
            {
                int wanted = Math.Min(_length - _done, disk.Options.PieceBytes);
                ReadResult read = await body.ReadAtLeastAsync(wanted, stop).ConfigureAwait(false);
                if (read.IsCanceled) throw new OperationCanceledException("the reading of a chunk was cancelled");
                if (read.Buffer.Length < wanted)
                {
                    body.AdvanceTo(read.Buffer.End);
                    return ChunkResult.WrongSize;
                }

                ReadOnlySequence<byte> piece = read.Buffer.Slice(0, wanted);
                if (isComparing && !await disk.RunAsync("comparing a chunk", buffers => IsThere(piece, buffers)).ConfigureAwait(false))
                {
                    isComparing = false;
                    if (!await BeginAsync(stop).ConfigureAwait(false)) return ChunkResult.Gone;
                }

                if (upload.IsGone) return ChunkResult.Gone;
                if (isComparing) _done += wanted;
                else await disk.RunAsync("writing a chunk", buffers => Write(piece, buffers)).ConfigureAwait(false);
                body.AdvanceTo(piece.End);
                place.Came(wanted);
            }

            ReadResult end = await body.ReadAsync(stop).ConfigureAwait(false);
            bool isLonger = !end.Buffer.IsEmpty;
            body.AdvanceTo(end.Buffer.End);
            if (isLonger) return ChunkResult.WrongSize;
            whole = true;
        }
        finally
        {
            if (_hash is not null) upload.EndHash(whole);
        }

        if (!isComparing)
        {
            await disk.RunAsync("ending a chunk", _ =>
            {
                upload.EndChunk(index, ~_sum);
                return true;
            }).ConfigureAwait(false);
        }

        if (isComparing && !upload.IsGone && !upload.Has(index)) throw Lost();
        return upload.IsGone ? ChunkResult.Gone : ChunkResult.Stored;
    }

    private async ValueTask<bool> BeginAsync(CancellationToken stop)
    {
        ChunkStart start = await upload.BeginChunkAsync(index, stop).ConfigureAwait(false);
        if (start == ChunkStart.Gone) return false;
        _hasBegun = true;
        // What compared equal is not written; and it is not there any more when a seal has failed meanwhile.
        if (_done > 0 && start == ChunkStart.WasNotThere) throw Lost();
        if (_done == 0) _hash = upload.TryHash(index);            // else what came before is not in it; it is read later
        return true;
    }

    private StoreUnavailableException Lost() => StoreUnavailableException.For("writing a chunk", disk.Folder, "what was there of the upload has been lost");

    // The sum goes over what has come, whether it had to be written or not.
    private bool IsThere(in ReadOnlySequence<byte> piece, PieceBuffers buffers)
    {
        int length = (int)piece.Length;
        piece.CopyTo(buffers.First);
        Span<byte> came = buffers.First.AsSpan(0, length), there = buffers.Second.AsSpan(0, length);
        if (upload.Read(there, _start + _done) != length || !came.SequenceEqual(there)) return false;
        _sum = Crc32C.Append(_sum, came);
        return true;
    }

    private bool Write(in ReadOnlySequence<byte> piece, PieceBuffers buffers)
    {
        int length = (int)piece.Length;
        piece.CopyTo(buffers.First);
        ReadOnlySpan<byte> bytes = buffers.First.AsSpan(0, length);
        _sum = Crc32C.Append(_sum, bytes);
        _hash?.AppendData(bytes);
        upload.Write(bytes, _start + _done);
        _done += length;
        return true;
    }
}
