using System.Buffers;
using Automerge.Changes;
using Automerge.Format;
using Automerge.Sync;

namespace Automerge.Documents;

public sealed partial class Document
{
    private readonly SyncPlan _plan = new();

    /// <summary>
    /// The next message for a peer that is kept in sync; null when there is nothing to say. Call it whenever something may have changed, and send every message it gives.
    /// </summary>
    /// <param name="state">What is known of the peer; of this document and this peer only.</param>
    /// <param name="mode">Whose choices to make; the same for all calls with one state.</param>
    /// <exception cref="DocumentException">A transaction is open.</exception>
    public byte[]? GenerateSyncMessage(SyncState state, SyncMode mode = SyncMode.Compatible)
    {
        DemandNoTransaction();
        SyncSession.Generate(Graph, Queue, state, mode, _plan);
        if (_plan.Kind == SyncPlanKind.Nothing) return null;
        ChangeSource source = new(this);
        source.Prepare(_plan.Rows.ToArray());
        ArrayBufferWriter<byte> message = new();
        SyncSession.Write(_plan, Graph, message, source);
        SyncSession.Commit(_plan, Graph, state);
        return message.WrittenSpan.ToArray();
    }

    /// <summary>Takes in a message from a peer: the changes in it, and what it says of the peer.</summary>
    /// <param name="state">What is known of the peer.</param>
    /// <param name="message">The message.</param>
    /// <param name="mode">As for <see cref="GenerateSyncMessage"/>.</param>
    /// <returns>What became of its changes; those after a damaged one are not looked at.</returns>
    /// <exception cref="AutomergeFormatException">It is no sync message; nothing was done.</exception>
    /// <exception cref="DocumentException">A transaction is open.</exception>
    public AppliedChanges ReceiveSyncMessage(SyncState state, ReadOnlySpan<byte> message, SyncMode mode = SyncMode.Compatible)
    {
        ArgumentNullException.ThrowIfNull(state);
        DemandNoTransaction();
        if (!SyncMessageReader.TryRead(message, out SyncMessageReader reader, out string? what)) throw new AutomergeFormatException(what!);
        ChangeHash[] before = Graph.Heads.ToArray();
        AppliedChanges applied = new(0, Queue.Count, null);
        if (reader.ChangeCount > 0 && !state.ReadOnly) applied = LoadIncremental(Join(reader));
        SyncSession.Receive(Graph, state, reader, before, state.ReadOnly, mode);
        return applied;
    }

    // Entries are pieces of one stream of chunks.
    private static byte[] Join(SyncMessageReader reader)
    {
        using Columns.PooledBuffer chunks = new();
        foreach (ReadOnlySpan<byte> entry in reader.Changes) chunks.WriteBytes(entry);
        return chunks.Written.ToArray();
    }
}
