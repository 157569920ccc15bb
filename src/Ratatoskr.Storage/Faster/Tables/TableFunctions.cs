using FASTER.core;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>What FASTER calls back. A read is checked and copied here, under the record's lock; nothing may throw.</summary>
internal sealed class TableFunctions : SpanByteFunctions<SpanByte, RecordTarget, int>
{
    public override bool SingleReader(ref SpanByte key, ref SpanByte input, ref SpanByte value, ref RecordTarget dst, ref ReadInfo readInfo)
    {
        dst.Accept(key.AsReadOnlySpan(), value.AsReadOnlySpan(), readInfo.Address);
        return true;
    }

    public override bool ConcurrentReader(ref SpanByte key, ref SpanByte input, ref SpanByte value, ref RecordTarget dst, ref ReadInfo readInfo)
    {
        dst.Accept(key.AsReadOnlySpan(), value.AsReadOnlySpan(), readInfo.Address);
        return true;
    }
}

/// <summary>
/// Where a read puts what it found.
/// </summary>
/// <remarks>Owned by one session; reusable.</remarks>
internal sealed class RecordTarget
{
    private byte[] _owned = [];
    private int _length;

    /// <summary>When set, the payload must be exactly this long and is copied here.</summary>
    public Memory<byte> Into { get; set; }

    public bool Found { get; private set; }

    /// <summary>The record was there, and was not what was written.</summary>
    public bool Damaged { get; private set; }

    public long Address { get; private set; }

    /// <summary>The payload, when <see cref="Into"/> was not set; valid until the next read.</summary>
    public ReadOnlySpan<byte> Payload => _owned.AsSpan(0, _length);

    /// <summary>Whether it has grown no buffer too large to keep around.</summary>
    public bool CanBeKept => _owned.Length <= 16 * 1024;

    public void Reset(Memory<byte> into = default)
    {
        Into = into;
        (Found, Damaged, Address, _length) = (false, false, 0, 0);
    }

    public void Accept(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long address)
    {
        Found = true;
        Address = address;
        Damaged = !RecordValue.TryOpen(key, value, out ReadOnlySpan<byte> payload);
        if (Damaged) return;
        if (!Into.IsEmpty)
        {
            Damaged = payload.Length != Into.Length;
            if (!Damaged) payload.CopyTo(Into.Span);
            return;
        }

        if (_owned.Length < payload.Length) _owned = new byte[payload.Length];
        payload.CopyTo(_owned);
        _length = payload.Length;
    }
}

/// <summary>Compares keys byte by byte and hashes them with the store's key.</summary>
internal sealed class KeyComparer(byte[] hashKey) : IFasterEqualityComparer<SpanByte>
{
    private readonly SipHash _hash = new(hashKey);

    public bool Equals(ref SpanByte k1, ref SpanByte k2) => k1.AsReadOnlySpan().SequenceEqual(k2.AsReadOnlySpan());

    public long GetHashCode64(ref SpanByte k) => (long)_hash.Compute(k.AsReadOnlySpan());
}
