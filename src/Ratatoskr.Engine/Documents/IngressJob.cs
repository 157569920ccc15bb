using System.Buffers;
using Automerge.Changes;
using Automerge.Format;
using Automerge.Sync;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// The verification of one message's changes, away from the shard: whole documents and large change sets. While it runs, its document takes no other
/// input, so the graph it compares with stands still.
/// </summary>
/// <remarks>Made by the shard, run once by a worker, then the shard's again.</remarks>
internal sealed class IngressJob(PeerLink link, SharedBuffer payload, RepoMessage message, DocumentContent content, ulong hashKey, EngineLimits limits)
{
    // Document chunks whose new changes number at most this are folded into the tail; more, and the chunk itself is worth keeping.
    private const int TailRatherThanSnapshotMax = 64;

    // Header (10 bytes) and four empty lists.
    private const int EmptyDocumentLength = 14;

    public PeerLink Link { get; } = link;

    public SharedBuffer Payload { get; } = payload;

    public RepoMessage Message { get; } = message;

    /// <summary>Verified change chunks to take, in order, after <see cref="Adopted"/>.</summary>
    public List<byte[]> Changes { get; } = [];

    /// <summary>The graph of a document chunk that covers all we hold and is to become the snapshot; null when none is.</summary>
    public ChangeGraph? Adopted { get; private set; }

    public byte[]? AdoptedChunk { get; private set; }

    /// <summary>The adopted graph as it is stored beside the snapshot.</summary>
    public ReadOnlyMemory<byte> AdoptedIndex { get; private set; }

    /// <summary>Why something was refused; null when nothing was.</summary>
    public string? Refusal { get; private set; }

    /// <summary>Only a little of plain change chunks is verified inline; an empty document chunk is how 2.x clients say "I have nothing".</summary>
    public static bool IsNeededFor(in SyncMessageReader message, EngineLimits limits)
    {
        int bytes = 0;
        foreach (ReadOnlySpan<byte> entry in message.Changes)
        {
            bytes += entry.Length;
            if (bytes > limits.InlineChangesBytesMax) return true;
            ReadOnlySpan<byte> chunks = entry;
            while (ChunkReader.TryRead(chunks, out Chunk chunk, out _))
            {
                bool empty = chunk.Type == ChunkType.Document && chunk.Length == EmptyDocumentLength;
                if (chunk.Type != ChunkType.Change && !empty) return true;
                chunks = chunks[chunk.Length..];
            }
        }

        return false;
    }

    /// <summary>A bug of ours, met while verifying: for the log. The message counts as refused.</summary>
    public Exception? Bug { get; private set; }

    public void Run()
    {
        try
        {
            ReadMessage();
        }
        catch (Exception e)
        {
            // A worker must not end the process, nor one peer's bytes the document.
            Bug = e;
            Refusal = "this change cannot be verified";
            Adopted = null;
            Changes.Clear();
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
                if (CompressedChange.TryInflate(chunk, limits.InflatedBytesMax, inflated, out ChunkError error)) ReadChange(inflated.WrittenSpan);
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
        ChangeVerdict verdict = ChangeVerifier.Verify(bytes, limits.Change, out _);
        if (verdict.IsOk) Changes.Add(bytes.ToArray());
        else Refusal = verdict.What;
    }

    private void ReadDocument(ReadOnlySpan<byte> bytes)
    {
        ChangeGraph ours = content.Graph;
        ChangeGraph theirs = SnapshotVerifier.Verify(bytes, hashKey, limits);
        HashSet<int> unknown = [];
        for (int row = 0; row < theirs.Count; row++)
        {
            if (ours.Find(theirs.HashAt(row)) < 0) unknown.Add(row);
        }

        if (unknown.Count == 0) return;
        bool coversOurs = true;
        foreach (ref readonly ChangeHash head in ours.Heads) coversOurs &= theirs.Find(head) >= 0;
        bool worthIt = ours.Count == 0 || unknown.Count > TailRatherThanSnapshotMax;
        if (coversOurs && worthIt && Adopted is null && Changes.Count == 0)
        {
            Adopted = theirs;
            AdoptedChunk = bytes.ToArray();
            ArrayBufferWriter<byte> index = new(theirs.EncodedLength);
            theirs.WriteTo(index);
            AdoptedIndex = index.WrittenMemory;
            return;
        }

        Dictionary<int, byte[]> changes = SnapshotVerifier.Recreate(bytes, unknown, limits);
        for (int row = 0; row < theirs.Count; row++)
        {
            if (changes.TryGetValue(row, out byte[]? change)) Changes.Add(change);
        }
    }
}
