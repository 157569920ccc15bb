using System.Diagnostics;
using System.Runtime.CompilerServices;
using FASTER.core;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster.Devices;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>One thread's access to the document table.</summary>
/// <remarks>Belongs to one thread at a time.</remarks>
internal sealed unsafe class TableSession : IDisposable
{
    private const int TriesMax = 3;   // of a read that the disk does not answer

    // FASTER's count of answers, of which only its own waiting takes off (ReadScope), would fail at 2³¹.
    private const long ReadsPerSession = 1 << 30;

    private readonly DocumentTable _table;
    private readonly byte[] _key = GC.AllocateArray<byte>(RecordKey.SizeMax, pinned: true);
    private byte[] _value = GC.AllocateUninitializedArray<byte>(1024, pinned: true);
    private readonly ReadScope _scope = new();
    private ClientSession<SpanByte, SpanByte, SpanByte, RecordTarget, int, TableFunctions> _session;
    private long _readsMax = ReadsPerSession;
    private int _keyLength;

    public TableSession(DocumentTable table)
    {
        _table = table;
        _session = table.OpenSession();
    }

    /// <summary>Reads one record, from disk if need be; <paramref name="target"/> says what came.</summary>
    /// <exception cref="StoreUnavailableException">The disk does not give it. Whether it is there is not known.</exception>
    public void Read(RecordKind kind, DocumentId id, ulong number, int part, RecordTarget target)
    {
        for (int tries = 0; ;)
        {
            long begin = _table.BeginAddress;
            int faults = _scope.Faults;
            StartRead(kind, id, number, part, target);
            CompleteReads();
            if (_scope.Faults != faults && (!target.Found || target.Damaged))
            {
                if (++tries == TriesMax) throw _table.Unreadable(kind, id, _scope.Last!);
                continue;
            }

            // A record that was being moved to the tail while we looked: its old place was freed under the read.
            if (target.Found || begin == _table.BeginAddress) return;
        }
    }

    /// <summary>Begins a read that may go to disk; several may be under way until <see cref="CompleteReads"/>. A miss must be repeated by <see cref="Read"/>.</summary>
    public void StartRead(RecordKind kind, DocumentId id, ulong number, int part, RecordTarget target)
    {
        target.Reset(target.Into);
        _scope.Enter();
        SpanByte key = Key(kind, id, number, part);
        SpanByte input = default;
        _session.Read(ref key, ref input, ref target);
    }

    /// <exception cref="StoreDamagedException">FASTER cannot do anything with what one has given.</exception>
    public void CompleteReads()
    {
        _scope.Enter();
        while (!_session.CompletePending(wait: false))
        {
            if (_scope.Wait() is not { } fault) continue;
            _session = _table.OpenSession();                      // the one before waits for an answer: it cannot be disposed of
            throw new StoreDamagedException($"a record of the table is damaged: {fault.Message}", fault);
        }

        if (_scope.Begun < _readsMax) return;
        _readsMax = _scope.Begun + ReadsPerSession;
        _session.Dispose();
        _session = _table.OpenSession();
    }

    /// <summary>The place to put a payload of this length for an upsert; valid until the next call.</summary>
    public Span<byte> Payload(int length)
    {
        if (_value.Length < length + RecordValue.OverheadMax) _value = GC.AllocateUninitializedArray<byte>(length + RecordValue.OverheadMax, pinned: true);
        return _value.AsSpan(RecordValue.HeaderSize, length);
    }

    /// <summary>Writes what was put into <see cref="Payload"/>.</summary>
    public void Upsert(RecordKind kind, DocumentId id, ulong number, int part, int length)
    {
        SpanByte key = Key(kind, id, number, part);
        int size = RecordValue.Seal(_value, key.AsReadOnlySpan(), length);
        Upsert(ref key, SpanByte.FromPointer((byte*)Unsafe.AsPointer(ref _value[0]), size));
    }

    public void Upsert(RecordKind kind, DocumentId id, ulong number, int part, ReadOnlySpan<byte> payload)
    {
        payload.CopyTo(Payload(payload.Length));
        Upsert(kind, id, number, part, payload.Length);
    }

    public void WriteManifest(DocumentId id, Manifest manifest)
    {
        manifest.Write(Payload(manifest.Size));
        Upsert(RecordKind.Manifest, id, 0, 0, manifest.Size);
    }

    /// <summary>Writes a record again as it is, CRC included, so that damage stays visible.</summary>
    public void Copy(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        key.CopyTo(_key);
        Payload(value.Length);
        value.CopyTo(_value);
        SpanByte keyBytes = SpanByte.FromPointer((byte*)Unsafe.AsPointer(ref _key[0]), key.Length);
        Upsert(ref keyBytes, SpanByte.FromPointer((byte*)Unsafe.AsPointer(ref _value[0]), value.Length));
    }

    public void Dispose() => _session.Dispose();

    private void Upsert(ref SpanByte key, SpanByte value)
    {
        Status status = _session.Upsert(ref key, ref value);
        if (status.IsPending) CompleteReads();
        Debug.Assert(_table.TailAddress % RecordValue.RecordAlignment == 0, "a record of a size that a scan cannot pass");
    }

    private SpanByte Key(RecordKind kind, DocumentId id, ulong number, int part)
    {
        _keyLength = RecordKey.Write(_key, kind, id, number, part);
        return SpanByte.FromPointer((byte*)Unsafe.AsPointer(ref _key[0]), _keyLength);
    }
}
