using System.Buffers;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Sync;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// What the API does with the content of documents. It reads what is committed, from the store, which is where that is; and it writes as a peer does.
/// No actor is touched from outside its shard.
/// </summary>
/// <remarks>Safe on any thread. Whether a caller may read is for him to have asked; whether he may write is decided with the change.</remarks>
public sealed class DocumentContents
{
    // A change got lost because its document was read anew just then; that this happens again and again is not to be expected.
    private const int AttemptsMax = 4;

    // Documents that are read for the API before there is memory to open them: the others wait with nothing in their hands.
    private const int ReadsMax = 16;

    private readonly SessionHost _host;
    private readonly IChunkStore _store;
    private readonly DocumentOptions _options;
    private readonly ViewGate _gate;
    private readonly ViewGate _reads = new(ReadsMax, long.MaxValue);
    private int _openings;
    private int _peers;

    internal DocumentContents(SessionHost host, IChunkStore store, ulong hashKey)
    {
        _host = host;
        _store = store;
        _options = new DocumentOptions { HashKey = hashKey, ChangeLimits = host.Limits.Change, DocumentLimits = host.Limits.Document };
        _gate = new ViewGate(Math.Max(1, Environment.ProcessorCount), host.Limits.MemoryBudgetBytes / 4);
    }

    /// <summary>Documents that are open for the API, or wait to be.</summary>
    public int Openings => Volatile.Read(ref _openings);

    /// <summary>What is committed, as of one instant.</summary>
    public ValueTask<StoredDocument> ReadAsync(DocumentId id, CancellationToken stop) => _store.LoadAsync(id, stop);

    /// <summary>The heads of what is committed; <see cref="StoredPresence.Unknown"/> while nothing is.</summary>
    public async ValueTask<DocumentPeek> PeekAsync(DocumentId id, CancellationToken stop)
    {
        DocumentPeek[] peeked = new DocumentPeek[1];
        await _store.PeekAsync(new[] { id }, peeked, stop);
        return peeked[0];
    }

    /// <summary>
    /// Opens what is committed, as of one instant, and has <paramref name="use"/> look at it, on a thread of the pool. A document that was never written is empty.
    /// As many are open at a time as there are cores, and memory for them.
    /// </summary>
    /// <param name="actor">Who makes changes in it, if <paramref name="use"/> makes any to submit them.</param>
    /// <exception cref="AutomergeFormatException">What is stored is damaged, or larger than documents may be.</exception>
    public async Task<T> OpenAsync<T>(DocumentId id, ActorId actor, Func<Document, T> use, CancellationToken stop)
    {
        Interlocked.Increment(ref _openings);
        try
        {
            await _reads.EnterAsync(0, stop);
            try
            {
                StoredDocument stored = await _store.LoadAsync(id, stop);
                return await OpenAsync(id, stored, actor, use, stop);
            }
            finally
            {
                _reads.Leave(0);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _openings);
        }
    }

    /// <summary>
    /// Brings a change to a document, as its author's peer would: access is decided, quotas and the change are checked, open peers hear of it. Completes when it is on disk.
    /// </summary>
    /// <param name="change">Its chunk, not compressed.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="onlyIfHeads">The heads that the document must have when it is taken; null for any.</param>
    public async Task<Submission> SubmitAsync(
        DocumentId id, Principal author, ReadOnlyMemory<byte> change, ChangeHash hash, IReadOnlyList<ChangeHash>? onlyIfHeads, CancellationToken stop)
    {
        ChangeHash[]? heads = onlyIfHeads is null ? null : [.. onlyIfHeads.Order()];
        for (int attempt = 0; attempt < AttemptsMax; attempt++)
        {
            Submission outcome = await SubmitOnceAsync(id, author, change, hash, heads, stop);
            if (outcome.Result != SubmissionResult.NotHeard) return outcome;
        }

        return new Submission(SubmissionResult.Unavailable);
    }

    private async Task<T> OpenAsync<T>(DocumentId id, StoredDocument stored, ActorId actor, Func<Document, T> use, CancellationToken stop)
    {
        long bytes = Measure(stored);
        await _gate.EnterAsync(bytes, stop);
        try
        {
            return await Task.Run(() => use(Load(id, stored, actor)), stop);
        }
        finally
        {
            _gate.Leave(bytes);
        }
    }

    private async Task<Submission> SubmitOnceAsync(
        DocumentId id, Principal author, ReadOnlyMemory<byte> change, ChangeHash hash, ChangeHash[]? heads, CancellationToken stop)
    {
        LocalPeer peer = new(hash, heads);
        PeerSession session = new(_host, peer, PeerId.FromString($"here-{Interlocked.Increment(ref _peers)}"), author);
        try
        {
            await session.ReceiveAsync(Frame(session.PeerId, id, change.Span, hash));
            return await peer.Done.WaitAsync(stop);
        }
        finally
        {
            session.Disconnected();
        }
    }

    // A sync message: "this is what I have; here is the change you lack".
    private byte[] Frame(PeerId sender, DocumentId id, ReadOnlySpan<byte> change, in ChangeHash hash)
    {
        ArrayBufferWriter<byte> data = new(change.Length + 128);
        SyncMessageWriter writer = new(data);
        writer.WriteVersion(SyncVersion.V2);
        writer.WriteHashes([hash]);
        writer.WriteHashes([]);
        writer.WriteCount(0);
        writer.WriteCount(1);
        writer.WriteEntry(change);
        writer.WriteFlags(SyncFlags.SupportsSyncReset);
        byte[] frame = new byte[MessageWriter.LengthMax(sender.Text.Length + _host.ServerPeerId.Text.Length + id.Text.Length) + data.WrittenCount];
        int envelope = MessageWriter.WriteSyncEnvelope(frame, sender.Text, _host.ServerPeerId.Text, id.Text, request: false, data.WrittenCount);
        data.WrittenSpan.CopyTo(frame.AsSpan(envelope));
        return frame[..(envelope + data.WrittenCount)];
    }

    private Document Load(DocumentId id, StoredDocument stored, ActorId actor)
    {
        Document document = new(actor, _options);
        if (!stored.Snapshot.Chunk.IsEmpty && document.LoadIncremental(stored.Snapshot.Chunk.Span).Refused is { } damage) throw new AutomergeFormatException(damage);

        // Changes that do not fit are kept in the store and passed to nobody: here as in the shards.
        string? refused = null;
        foreach (TailEntry entry in stored.Tail) refused ??= document.LoadIncremental(entry.Chunks.Span).Refused;
        if (refused is not null) _host.Log.Damaged(id, refused);
        return document;
    }

    // About what a document takes in memory while it is open.
    private long Measure(StoredDocument stored)
    {
        const int ChunkFactor = 8;
        long bytes = 0, operations = 0;
        if (!stored.Snapshot.Chunk.IsEmpty)
            bytes += DocumentSize.Measure(stored.Snapshot.Chunk.Span, _host.Limits.Document).OpSetBytes + ((long)ChunkFactor * stored.Snapshot.Chunk.Length);
        foreach (TailEntry entry in stored.Tail)
        {
            bytes += (long)ChunkFactor * entry.Chunks.Length;
            operations += OperationsOf(entry.Chunks.Span);
        }

        return bytes + (IngressJob.OperationBytes * operations);
    }

    private static long OperationsOf(ReadOnlySpan<byte> chunks)
    {
        long operations = 0;
        while (ChunkReader.TryRead(chunks, out Chunk chunk, out _))
        {
            operations += IngressJob.OperationsOf(chunk);
            chunks = chunks[chunk.Length..];
        }

        return operations;
    }
}
