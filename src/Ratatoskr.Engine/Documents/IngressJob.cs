using System.Buffers;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Sync;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// One message's changes, where they are whole documents or large sets: verified by a worker while the document takes no other input, so that the graph
/// they are compared with stands still; then, when the shard has asked access again, taken by a worker to which the whole content is lent.
/// </summary>
internal sealed class IngressJob(PeerLink link, SharedBuffer payload, RepoMessage message, DocumentContent content, ulong hashKey, EngineLimits limits)
    : DocumentJob(link.Document)
{
    // Document chunks whose new changes number at most this are folded into the tail; more, and the chunk itself is worth keeping.
    private const int TailRatherThanSnapshotMax = 64;

    // Header (10 bytes) and four empty lists.
    private const int EmptyDocumentLength = 14;

    // What a change grows to in the op set, for each of its bytes and for each of its operations that say nothing new.
    private const int ChangeFactor = 8;
    public const int OperationBytes = 80;

    // What a byte can inflate to, and how often the result is there at a time: growing, as a chunk, and kept.
    private const int DeflateRatioMax = 1032;
    private const int InflatedFactor = 3;

    private readonly List<(byte[] Bytes, ChangeHash Hash)> _changes = [];
    private ChangeGraph? _adopted;
    private byte[]? _adoptedChunk;
    private int _next;
    private Account _account;

    public PeerLink Link { get; } = link;

    public SharedBuffer Payload { get; } = payload;

    public RepoMessage Message { get; } = message;

    public DocumentContent Content { get; } = content;

    /// <summary>The changes are verified; a run takes them.</summary>
    public bool IsTaking { get; private set; }

    /// <summary>The document's heads before anything was taken.</summary>
    public ChangeHash[] HeadsBefore { get; private set; } = [];

    /// <summary>The access decision under which the changes are taken.</summary>
    public Fence AuthorisedUnder { get; private set; }

    /// <summary>There is something to take.</summary>
    public bool HasChanges => _adopted is not null || _next < _changes.Count;

    /// <summary>What taking it adds to what is stored, at most.</summary>
    public long GrowthBytes
    {
        get
        {
            long bytes = _adoptedChunk is null ? 0 : Math.Max(0, _adoptedChunk.Length - Content.StoredBytes);
            foreach ((byte[] change, _) in _changes) bytes += change.Length;
            return bytes + (Content.Queue?.MemoryBytes ?? 0);
        }
    }

    /// <summary>Why something was refused; null when nothing was.</summary>
    public string? Refusal { get; private set; }

    public AcceptOutcome RefusedAs { get; private set; } = AcceptOutcome.Refused;

    /// <summary>The run has stopped before a change that can only be judged with the op set.</summary>
    public bool NeedsOperations { get; private set; }

    /// <summary>Only a little of plain change chunks is verified inline; an empty document chunk is how 2.x clients say "I have nothing".</summary>
    public static bool IsNeededFor(in SyncMessageReader message, EngineLimits limits)
    {
        int bytes = 0;
        long operations = 0;
        foreach (ReadOnlySpan<byte> entry in message.Changes)
        {
            bytes += entry.Length;
            if (bytes > limits.InlineChangesBytesMax) return true;
            ReadOnlySpan<byte> chunks = entry;
            while (ChunkReader.TryRead(chunks, out Chunk chunk, out _))
            {
                bool empty = chunk.Type == ChunkType.Document && chunk.Length == EmptyDocumentLength;
                if (chunk.Type != ChunkType.Change && !empty) return true;
                operations += OperationsOf(chunk);
                if (operations > limits.InlineOperationsMax) return true;
                chunks = chunks[chunk.Length..];
            }
        }

        return false;
    }

    /// <summary>As it claims; what cannot be read is refused later.</summary>
    public static uint OperationsOf(in Chunk chunk) =>
        chunk.Type == ChunkType.Change && ChangeHeader.TryRead(chunk.Bytes, default, out ChangeHeader header).IsOk ? header.OpCount : 0;

    /// <summary>From now on a run takes what was verified. The content must be lent to it.</summary>
    public void BeginTaking(Fence authorisedUnder)
    {
        IsTaking = true;
        AuthorisedUnder = authorisedUnder;
        HeadsBefore = Content.Graph.Heads.ToArray();
    }

    /// <summary>What runs have done to the content since the last call.</summary>
    public Account Settle()
    {
        Account account = _account;
        _account = default;
        return account;
    }

    protected override long MeasureBytes()
    {
        long bytes = ChangeFactor * (long)Payload.Length, operations = 0;
        if (!SyncMessageReader.TryRead(Message.Data.In(Payload.Span), out SyncMessageReader reader, out _)) return bytes;
        foreach (ReadOnlySpan<byte> entry in reader.Changes)
        {
            ReadOnlySpan<byte> chunks = entry;
            while (ChunkReader.TryRead(chunks, out Chunk chunk, out _))
            {
                if (chunk.Type == ChunkType.Document && !IsTaking) bytes = Math.Max(bytes, SnapshotVerifier.MeasureBytes(chunk.Bytes, limits.IncomingDocument));
                if (chunk.Type == ChunkType.CompressedChange) bytes += InflatedFactor * Math.Min(limits.IncomingInflatedBytesMax, DeflateRatioMax * (long)chunk.Length);
                operations += OperationsOf(chunk);
                chunks = chunks[chunk.Length..];
            }
        }

        return Math.Max(bytes, OperationBytes * operations);
    }

    protected override void Work()
    {
        if (IsTaking)
        {
            Take();
            return;
        }

        try
        {
            ReadMessage();
        }
        catch
        {
            Refusal = "this change cannot be verified";
            _adopted = null;
            _changes.Clear();
            throw;
        }
    }

    private void Take()
    {
        NeedsOperations = false;
        if (_adopted is not null)
        {
            Content.ReplaceSnapshot(_adopted, _adoptedChunk);
            ArrayBufferWriter<byte> index = new(_adopted.EncodedLength);
            _adopted.WriteTo(index);
            _account.Snapshot = new SnapshotBody(_adoptedChunk, index.WrittenMemory, _adopted.Heads.ToArray());
            _adopted = null;
        }

        if (Content.HasReady)
        {
            NeedsOperations = Content.Operations is null && Content.Fault is null;
            if (NeedsOperations) return;
            _account.HasFreed |= Content.TakeReady();
        }

        for (; _next < _changes.Count; _next++)
        {
            (byte[] bytes, ChangeHash hash) = _changes[_next];
            ChangeHeader.TryRead(bytes, hash, out ChangeHeader header);
            Acceptance result = Content.Accept(header);
            _account.HasFreed |= result.Freed;
            switch (result.Outcome)
            {
                case AcceptOutcome.NeedsOperations:
                    NeedsOperations = true;
                    return;
                case AcceptOutcome.Taken:
                    _account.Taken++;
                    if (result.Why is not null) (_account.Observed ??= []).Add(result.Why);
                    break;
                case AcceptOutcome.Duplicate:
                    _account.HasDuplicates = true;
                    break;
                case AcceptOutcome.Queued or AcceptOutcome.QueueFull:
                    _account.HasQueued = true;
                    if (result.Outcome == AcceptOutcome.QueueFull) _account.Dropped++;
                    break;
                default:
                    Refusal = result.Why;
                    RefusedAs = result.Outcome;
                    return;
            }
        }
    }

    private void ReadMessage()
    {
        if (!SyncMessageReader.TryRead(Message.Data.In(Payload.Span), out SyncMessageReader reader, out string? error))
        {
            Refusal = error;
            return;
        }

        foreach (ReadOnlySpan<byte> entry in reader.Changes) ReadChunks(entry);
    }

    private void ReadChunks(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && Refusal is null)
        {
            if (!ChunkReader.TryRead(bytes, out Chunk chunk, out ChunkError error))
            {
                Refusal = error.Describe();
                return;
            }

            Read(chunk);
            bytes = bytes[chunk.Length..];
        }
    }

    private void Read(in Chunk chunk)
    {
        switch (chunk.Type)
        {
            case ChunkType.Change:
                ReadChange(chunk.Bytes);
                break;
            case ChunkType.CompressedChange:
                ArrayBufferWriter<byte> inflated = new();
                if (CompressedChange.TryInflate(chunk, limits.IncomingInflatedBytesMax, inflated, out ChunkError error)) ReadChange(inflated.WrittenSpan);
                else Refusal = error.Describe();
                break;
            case ChunkType.Document:
                try
                {
                    ReadDocument(chunk.Bytes);
                }
                catch (AutomergeFormatException e)
                {
                    Refusal = e.Message;
                }

                break;
            default:
                Refusal = $"unsupported chunk type {(byte)chunk.Type}";
                break;
        }
    }

    private void ReadChange(ReadOnlySpan<byte> bytes)
    {
        ChangeVerdict verdict = ChangeVerifier.Verify(bytes, limits.Change, out ChangeHeader header);
        if (verdict.IsOk) _changes.Add((bytes.ToArray(), header.Hash));
        else Refusal = verdict.What;
    }

    private void ReadDocument(ReadOnlySpan<byte> bytes)
    {
        DocumentSize size = DocumentSize.Measure(bytes, limits.IncomingDocument);
        if (Math.Max(size.Rows, size.Changes) > limits.Document.MaxRows)
        {
            Refusal = $"the document has {Math.Max(size.Rows, size.Changes)} rows, and {limits.Document.MaxRows} are allowed";
            RefusedAs = AcceptOutcome.TooLarge;
            return;
        }

        ChangeGraph ours = Content.Graph;
        ChangeGraph theirs = SnapshotVerifier.Verify(bytes, hashKey, limits.IncomingDocument);
        HashSet<int> unknown = [];
        for (int row = 0; row < theirs.Count; row++)
        {
            if (ours.Find(theirs.HashAt(row)) < 0) unknown.Add(row);
        }

        if (unknown.Count == 0) return;
        bool coversOurs = Content.IsWhole;
        foreach (ref readonly ChangeHash head in ours.Heads) coversOurs &= theirs.Find(head) >= 0;
        bool worthIt = ours.Count == 0 || unknown.Count > TailRatherThanSnapshotMax;
        if (coversOurs && worthIt && _adopted is null && _changes.Count == 0)
        {
            _adopted = theirs;
            _adoptedChunk = bytes.ToArray();
            return;
        }

        Dictionary<int, byte[]> changes = SnapshotVerifier.Recreate(bytes, unknown, limits);
        for (int row = 0; row < theirs.Count; row++)
        {
            if (changes.TryGetValue(row, out byte[]? change)) _changes.Add((change, theirs.HashAt(row)));
        }
    }

    public struct Account
    {
        /// <summary>The document chunk that has become the snapshot, to be stored; null when none has.</summary>
        public SnapshotBody? Snapshot;

        /// <summary>Changes taken.</summary>
        public int Taken;

        /// <summary>Some changes were there already.</summary>
        public bool HasDuplicates;

        /// <summary>Some changes wait for others.</summary>
        public bool HasQueued;

        /// <summary>Of these, changes dropped because too many wait.</summary>
        public int Dropped;

        /// <summary>Changes came out of the queue.</summary>
        public bool HasFreed;

        /// <summary>What would have been refused, where validation only observes.</summary>
        public List<string>? Observed;
    }
}
