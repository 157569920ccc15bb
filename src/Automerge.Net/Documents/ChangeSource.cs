using System.Buffers;
using Automerge.Changes;
using Automerge.Sync;

namespace Automerge.Documents;

/// <summary>The bytes of a document's changes: those that are kept, and others made again from the document chunk that holds them, all that are wanted in one pass.</summary>
/// <remarks>Short-lived: valid until the document changes.</remarks>
internal sealed class ChangeSource(Document document) : IChangeSource
{
    private readonly Dictionary<int, byte[]> _remade = [];
    private byte[]? _whole;

    public long DocumentLength => Whole.Length;

    private byte[] Whole => _whole ??= document.WriteWhole();

    /// <summary>Makes the changes of some rows again whose bytes are not kept.</summary>
    public void Prepare(IEnumerable<int> rows)
    {
        HashSet<int> wanted = [];
        foreach (int row in rows)
        {
            if (row < document.KeptBytes.FirstRow && !_remade.ContainsKey(row)) wanted.Add(row);
        }

        if (wanted.Count > 0) DocumentReader.Read(document.Snapshot, document.Options.DocumentLimits, new Wanted(wanted, _remade));
    }

    public ReadOnlyMemory<byte> BytesOf(int row)
    {
        if (row >= document.KeptBytes.FirstRow) return document.KeptBytes[row];
        if (!_remade.ContainsKey(row)) Prepare([row]);
        return _remade[row];
    }

    public int ChangeLength(int row) => BytesOf(row).Length;

    public void WriteChange(int row, IBufferWriter<byte> output) => output.Write(BytesOf(row).Span);

    public void WriteDocument(IBufferWriter<byte> output) => output.Write(Whole);

    private sealed class Wanted(HashSet<int> rows, Dictionary<int, byte[]> found) : IDocumentSink
    {
        public void Begin(IReadOnlyList<ActorId> actors, int changeCount)
        {
        }

        public bool WantsBytes(int row) => rows.Contains(row);

        public void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes)
        {
            if (!bytes.IsEmpty) found.Add(row, bytes.ToArray());
        }
    }
}
