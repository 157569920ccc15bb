using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Automerge.Columns;

namespace Automerge.Operations;

/// <summary>A value as it is encoded: metadata (bytes' length &lt;&lt; 4 | type) and bytes, up to eight of them in place.</summary>
internal readonly struct StoredValue
{
    private readonly byte[]? _bytes;
    private readonly ulong _inline;

    public StoredValue(uint metadata, ReadOnlySpan<byte> bytes)
    {
        Metadata = metadata;
        if (bytes.Length > sizeof(ulong)) _bytes = bytes.ToArray();
        else bytes.CopyTo(MemoryMarshal.AsBytes(new Span<ulong>(ref _inline)));
    }

    public uint Metadata { get; }

    public int Type => (int)(Metadata & 15);

    [UnscopedRef]
    public ReadOnlySpan<byte> Bytes => _bytes ?? MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in _inline))[..(int)(Metadata >> 4)];

    /// <summary>The number of a signed, unsigned, counter or timestamp value; 0 of others.</summary>
    public long Integer
    {
        get
        {
            ReadOnlySpan<byte> bytes = Bytes;
            switch (Type)
            {
                case ScalarCode.Unsigned:
                    Leb128.TryReadUnsigned(ref bytes, out ulong unsigned);
                    return unchecked((long)unsigned);
                case ScalarCode.Signed or ScalarCode.Counter or ScalarCode.Timestamp:
                    Leb128.TryReadSigned(ref bytes, out long signed);
                    return signed;
                default:
                    return 0;
            }
        }
    }

    public long HeapBytes => _bytes is null ? 0 : 24 + _bytes.Length;
}
