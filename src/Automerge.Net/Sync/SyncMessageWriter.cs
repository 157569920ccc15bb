using System.Buffers;
using System.Runtime.InteropServices;
using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Sync;

/// <summary>Writes the parts of a sync message, in the order of its layout (<see cref="SyncMessageReader"/>).</summary>
/// <remarks>A thin view on the output; the caller keeps the order: version, heads, need, have, changes, flags.</remarks>
public readonly struct SyncMessageWriter(IBufferWriter<byte> output)
{
    // "understands V2"; written before the byte with the bits, for readers that know only this one.
    private const byte LegacyV2 = 0x02;

    /// <summary>The first byte.</summary>
    public void WriteVersion(SyncVersion version) => WriteByte((byte)version);

    /// <summary>Heads, need or lastSync: ascending by convention.</summary>
    public void WriteHashes(ReadOnlySpan<ChangeHash> hashes)
    {
        WriteCount(hashes.Length);
        output.Write(MemoryMarshal.AsBytes(hashes));
    }

    /// <summary>A number of entries, before the entries of have or changes, or of bytes, before an entry of changes.</summary>
    public void WriteCount(long count) => Leb128.WriteUnsigned(output, (ulong)count);

    /// <summary>An entry of have, with a filter over the given rows.</summary>
    public void WriteHave(ReadOnlySpan<ChangeHash> lastSync, ChangeGraph graph, ReadOnlySpan<int> bloomRows)
    {
        WriteHashes(lastSync);
        WriteCount(BloomFilter.EncodedLength(bloomRows.Length));
        BloomFilter.Write(output, graph, bloomRows);
    }

    /// <summary>An entry of changes: chunks.</summary>
    public void WriteEntry(ReadOnlySpan<byte> chunks)
    {
        WriteCount(chunks.Length);
        output.Write(chunks);
    }

    /// <summary>The flags section, three bytes.</summary>
    public void WriteFlags(SyncFlags flags)
    {
        Span<byte> section = output.GetSpan(3);
        section[0] = 2;
        section[1] = LegacyV2;
        section[2] = (byte)(0x80 | (byte)flags);
        output.Advance(3);
    }

    private void WriteByte(byte value)
    {
        output.GetSpan(1)[0] = value;
        output.Advance(1);
    }
}
