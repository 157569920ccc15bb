using System.Buffers;
using System.Buffers.Binary;
using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Sync;

/// <summary>
/// The Bloom filter of a sync message: <c>uleb entries ‖ uleb bits per entry ‖ uleb probes ‖ ceil(entries · bits / 8) bytes</c>;
/// one without entries is no bytes at all. Our own have 10 bits and 7 probes an entry: about 1 % of hashes that are not in it seem to be.
/// </summary>
/// <remarks>A view: lives as long as the bytes. Parameters come from a peer and are bounded when read.</remarks>
public readonly ref struct BloomFilter
{
    /// <summary>Bits an entry in the filters we write.</summary>
    public const int BitsPerEntry = 10;

    /// <summary>Probes a hash in the filters we write.</summary>
    public const int Probes = 7;

    /// <summary>More probes than this are refused: they are a loop count chosen by the peer.</summary>
    public const int ProbesMax = 32;

    /// <summary>More bits an entry than this are refused.</summary>
    public const int BitsPerEntryMax = 64;

    private readonly ReadOnlySpan<byte> _bits;
    private readonly uint _probes;

    private BloomFilter(ReadOnlySpan<byte> bits, uint probes)
    {
        _bits = bits;
        _probes = probes;
    }

    /// <summary>Whether the filter has no entries, so contains nothing.</summary>
    public bool IsEmpty => _bits.IsEmpty;

    /// <summary>Reads a filter; all of <paramref name="encoded"/> must be it.</summary>
    /// <returns>false: damaged, out of bounds, or the bits do not match the number of entries.</returns>
    public static bool TryRead(ReadOnlySpan<byte> encoded, out BloomFilter filter)
    {
        filter = default;
        if (encoded.IsEmpty) return true;
        if (!Leb128.TryReadUInt32(ref encoded, out uint entries)
            || !Leb128.TryReadUInt32(ref encoded, out uint bitsPerEntry)
            || !Leb128.TryReadUInt32(ref encoded, out uint probes))
        {
            return false;
        }

        // 2^31 bits is also where the probes' sums would leave 32 bits.
        if (bitsPerEntry > BitsPerEntryMax || probes > ProbesMax || encoded.Length >= 1 << 28) return false;
        if ((((ulong)entries * bitsPerEntry) + 7) / 8 != (ulong)encoded.Length) return false;
        if (entries == 0) return true;
        if (bitsPerEntry == 0 || probes == 0) return false;
        filter = new BloomFilter(encoded, probes);
        return true;
    }

    /// <summary>Whether a hash is in the filter, or seems to be.</summary>
    public bool Contains(in ChangeHash hash)
    {
        if (_bits.IsEmpty) return false;
        Prober prober = new(hash, _bits.Length);
        for (uint i = 0; i < _probes; i++)
        {
            uint bit = prober.Next();
            if ((_bits[(int)(bit >> 3)] & (1 << (int)(bit & 7))) == 0) return false;
        }

        return true;
    }

    /// <summary>Bytes of our filter over so many hashes.</summary>
    public static int EncodedLength(int entries) => entries == 0
        ? 0
        : Leb128.UnsignedLength((ulong)entries) + Leb128.UnsignedLength(BitsPerEntry) + Leb128.UnsignedLength(Probes) + BitBytes(entries);

    /// <summary>Writes a filter over rows of a graph.</summary>
    public static void Write(IBufferWriter<byte> output, ChangeGraph graph, ReadOnlySpan<int> rows)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(graph);
        if (rows.IsEmpty) return;
        Leb128.WriteUnsigned(output, (ulong)rows.Length);
        Leb128.WriteUnsigned(output, BitsPerEntry);
        Leb128.WriteUnsigned(output, Probes);
        int length = BitBytes(rows.Length);
        Span<byte> bits = output.GetSpan(length)[..length];
        bits.Clear();
        foreach (int row in rows)
        {
            Prober prober = new(graph.HashAt(row), length);
            for (int i = 0; i < Probes; i++)
            {
                uint bit = prober.Next();
                bits[(int)(bit >> 3)] |= (byte)(1 << (int)(bit & 7));
            }
        }

        output.Advance(length);
    }

    private static int BitBytes(int entries) => checked((int)((((long)entries * BitsPerEntry) + 7) / 8));

    // x, then x += y, y += z again and again, all modulo the number of bits; x, y, z are the first three words of the hash.
    private ref struct Prober
    {
        private readonly uint _modulo;
        private readonly uint _z;
        private uint _x;
        private uint _y;
        private bool _started;

        public Prober(in ChangeHash hash, int byteCount)
        {
            ReadOnlySpan<byte> bytes = hash.Bytes;
            _modulo = 8 * (uint)byteCount;
            _x = BinaryPrimitives.ReadUInt32LittleEndian(bytes) % _modulo;
            _y = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) % _modulo;
            _z = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) % _modulo;
        }

        public uint Next()
        {
            if (!_started)
            {
                _started = true;
                return _x;
            }

            _x = Wrap(_x + _y);
            _y = Wrap(_y + _z);
            return _x;
        }

        // Both terms are below the modulo, which is below 2^31.
        private readonly uint Wrap(uint sum) => sum >= _modulo ? sum - _modulo : sum;
    }
}
