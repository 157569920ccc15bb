using System.Runtime.InteropServices;
using Automerge.Changes;
using Automerge.Columns;
using Automerge.Format;

namespace Automerge.Tests.Fuzzing;

/// <summary>A column as it is written: nothing says that its bytes make sense.</summary>
internal sealed record FuzzColumn(uint Spec, byte[] Bytes)
{
    public static List<FuzzColumn> ReadLayout(ref ReadOnlySpan<byte> rest)
    {
        List<FuzzColumn> columns = [];
        for (ulong count = Unsigned(ref rest); count > 0; count--)
        {
            uint spec = (uint)Unsigned(ref rest);
            columns.Add(new FuzzColumn(spec, new byte[Unsigned(ref rest)]));
        }

        return columns;
    }

    public static void ReadData(ref ReadOnlySpan<byte> rest, List<FuzzColumn> columns)
    {
        foreach (FuzzColumn column in columns) Take(ref rest, column.Bytes.Length).CopyTo(column.Bytes);
    }

    public static void WriteLayout(PooledBuffer output, List<FuzzColumn> columns)
    {
        output.WriteUnsigned((ulong)columns.Count);
        foreach (FuzzColumn column in columns)
        {
            output.WriteUnsigned(column.Spec);
            output.WriteUnsigned((ulong)column.Bytes.Length);
        }
    }

    public static void WriteData(PooledBuffer output, List<FuzzColumn> columns)
    {
        foreach (FuzzColumn column in columns) output.WriteBytes(column.Bytes);
    }

    /// <summary>The columns deflated of which that is usual.</summary>
    public static List<FuzzColumn> Deflated(List<FuzzColumn> columns) => columns.ConvertAll(column =>
    {
        if (column.Bytes.Length < 256 || (column.Spec & ColumnSpec.DeflateBit) != 0) return column;
        using PooledBuffer deflated = new();
        RawDeflate.Append(column.Bytes, deflated);
        return new FuzzColumn(column.Spec | ColumnSpec.DeflateBit, deflated.Written.ToArray());
    });

    public static List<FuzzColumn> Inflated(List<FuzzColumn> columns) => columns.ConvertAll(column =>
    {
        if ((column.Spec & ColumnSpec.DeflateBit) == 0) return column;
        using PooledBuffer inflated = new();
        Assert.Equal(ChunkError.None, BoundedInflate.TryInflate(column.Bytes, 1 << 26, inflated));
        return new FuzzColumn(column.Spec & ~ColumnSpec.DeflateBit, inflated.Written.ToArray());
    });

    public static ulong Unsigned(ref ReadOnlySpan<byte> rest)
    {
        Assert.True(Leb128.TryReadUnsigned(ref rest, out ulong value));
        return value;
    }

    public static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> rest, int count)
    {
        ReadOnlySpan<byte> taken = rest[..count];
        rest = rest[count..];
        return taken;
    }

    public static byte[] Prefixed(ref ReadOnlySpan<byte> rest) => Take(ref rest, (int)Unsigned(ref rest)).ToArray();

    /// <summary>Makes length and checksum of the first chunk right, so that what lies behind them is reached.</summary>
    public static byte[] Sealed(byte[] bytes)
    {
        if (bytes.Length <= ChunkReader.TypeOffset) return bytes;
        ReadOnlySpan<byte> rest = bytes.AsSpan(ChunkReader.TypeOffset + 1);
        if (!Leb128.TryReadUnsigned(ref rest, out _)) rest = bytes.AsSpan(ChunkReader.TypeOffset + 1);
        return Seal((ChunkType)(bytes[ChunkReader.TypeOffset] & 3), rest);
    }

    public static byte[] Seal(ChunkType type, ReadOnlySpan<byte> body)
    {
        byte[] chunk = new byte[ChunkWriter.HeaderLength(body.Length) + body.Length];
        body.CopyTo(chunk.AsSpan(ChunkWriter.WriteHeader(chunk, type, body.Length)));
        ChunkWriter.Seal(chunk);
        return chunk;
    }
}

/// <summary>An honest change taken apart, so that each part can be replaced and the whole be given a right checksum again.</summary>
internal sealed class ChangeParts
{
    public List<byte[]> Deps { get; private init; } = [];

    public byte[] Actor { get; set; } = [];

    public ulong Seq { get; set; }

    public ulong StartOp { get; set; }

    public long Time { get; set; }

    public byte[] Message { get; set; } = [];

    public List<byte[]> Others { get; private init; } = [];

    public List<FuzzColumn> Columns { get; private init; } = [];

    public byte[] Extra { get; set; } = [];

    public static ChangeParts Parse(byte[] chunkBytes)
    {
        Assert.True(ChunkReader.TryRead(chunkBytes, out Chunk chunk, out _));
        ReadOnlySpan<byte> rest = chunk.Body;
        List<byte[]> deps = [], others = [];
        for (ulong count = FuzzColumn.Unsigned(ref rest); count > 0; count--) deps.Add(FuzzColumn.Take(ref rest, ChangeHash.Size).ToArray());
        byte[] actor = FuzzColumn.Prefixed(ref rest);
        ulong seq = FuzzColumn.Unsigned(ref rest), startOp = FuzzColumn.Unsigned(ref rest);
        Assert.True(Leb128.TryReadSigned(ref rest, out long time));
        byte[] message = FuzzColumn.Prefixed(ref rest);
        for (ulong count = FuzzColumn.Unsigned(ref rest); count > 0; count--) others.Add(FuzzColumn.Prefixed(ref rest));
        List<FuzzColumn> columns = FuzzColumn.ReadLayout(ref rest);
        FuzzColumn.ReadData(ref rest, columns);
        return new ChangeParts { Deps = deps, Actor = actor, Seq = seq, StartOp = startOp, Time = time, Message = message, Others = others, Columns = columns, Extra = rest.ToArray() };
    }

    public byte[] Write()
    {
        using PooledBuffer body = new();
        WriteBody(body);
        return FuzzColumn.Seal(ChunkType.Change, body.Written);
    }

    /// <summary>As a type-2 chunk, which carries the checksum of the type-1 chunk.</summary>
    public byte[] WriteDeflated()
    {
        using PooledBuffer body = new();
        using PooledBuffer deflated = new();
        WriteBody(body);
        RawDeflate.Append(body.Written, deflated);
        byte[] plain = FuzzColumn.Seal(ChunkType.Change, body.Written);
        byte[] chunk = FuzzColumn.Seal(ChunkType.CompressedChange, deflated.Written);
        plain.AsSpan(ChunkReader.ChecksumOffset, ChunkReader.ChecksumLength).CopyTo(chunk.AsSpan(ChunkReader.ChecksumOffset));
        return chunk;
    }

    private void WriteBody(PooledBuffer body)
    {
        body.WriteUnsigned((ulong)Deps.Count);
        foreach (byte[] dep in Deps) body.WriteBytes(dep);
        body.WritePrefixed(Actor);
        body.WriteUnsigned(Seq);
        body.WriteUnsigned(StartOp);
        body.WriteSigned(Time);
        body.WritePrefixed(Message);
        body.WriteUnsigned((ulong)Others.Count);
        foreach (byte[] other in Others) body.WritePrefixed(other);
        FuzzColumn.WriteLayout(body, Columns);
        FuzzColumn.WriteData(body, Columns);
        body.WriteBytes(Extra);
    }
}

/// <summary>An honest document chunk taken apart, its columns inflated.</summary>
internal sealed class DocumentParts
{
    public List<byte[]> Actors { get; private init; } = [];

    public List<byte[]> Heads { get; private set; } = [];

    public List<FuzzColumn> ChangeColumns { get; private init; } = [];

    public List<FuzzColumn> OpColumns { get; set; } = [];

    public byte[] HeadRows { get; set; } = [];

    public static DocumentParts Parse(byte[] chunkBytes)
    {
        Assert.True(ChunkReader.TryRead(chunkBytes, out Chunk chunk, out _));
        ReadOnlySpan<byte> rest = chunk.Body;
        List<byte[]> actors = [], heads = [];
        for (ulong count = FuzzColumn.Unsigned(ref rest); count > 0; count--) actors.Add(FuzzColumn.Prefixed(ref rest));
        for (ulong count = FuzzColumn.Unsigned(ref rest); count > 0; count--) heads.Add(FuzzColumn.Take(ref rest, ChangeHash.Size).ToArray());
        List<FuzzColumn> changes = FuzzColumn.ReadLayout(ref rest), ops = FuzzColumn.ReadLayout(ref rest);
        FuzzColumn.ReadData(ref rest, changes);
        FuzzColumn.ReadData(ref rest, ops);
        return new DocumentParts { Actors = actors, Heads = heads, ChangeColumns = FuzzColumn.Inflated(changes), OpColumns = FuzzColumn.Inflated(ops), HeadRows = rest.ToArray() };
    }

    public byte[] Write()
    {
        using PooledBuffer body = new();
        body.WriteUnsigned((ulong)Actors.Count);
        foreach (byte[] actor in Actors) body.WritePrefixed(actor);
        body.WriteUnsigned((ulong)Heads.Count);
        foreach (byte[] head in Heads) body.WriteBytes(head);
        List<FuzzColumn> changes = FuzzColumn.Deflated(ChangeColumns), ops = FuzzColumn.Deflated(OpColumns);
        FuzzColumn.WriteLayout(body, changes);
        FuzzColumn.WriteLayout(body, ops);
        FuzzColumn.WriteData(body, changes);
        FuzzColumn.WriteData(body, ops);
        body.WriteBytes(HeadRows);
        return FuzzColumn.Seal(ChunkType.Document, body.Written);
    }

    /// <summary>Claims the heads that the changes have, if they can be made: whatever else is wrong must then be seen by another check than that of the hashes.</summary>
    public void RepairHeads(Automerge.Documents.DocumentLimits limits)
    {
        HeadSink sink = new();
        Automerge.Documents.DocumentReader.TryRead(Write(), limits, sink, out string what);
        if (!what.Contains("mismatching heads", StringComparison.Ordinal)) return;
        Heads = [.. sink.Heads.Order().Select(head => MemoryMarshal.AsBytes([head]).ToArray())];
        HeadRows = [];
    }

    private sealed class HeadSink : Automerge.Documents.IDocumentSink
    {
        private readonly List<ChangeHash> _hashes = [];

        public HashSet<ChangeHash> Heads { get; } = [];

        public void Begin(IReadOnlyList<ActorId> actors, int changeCount)
        {
        }

        public bool WantsBytes(int row) => false;

        public void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes)
        {
            _hashes.Add(header.Hash);
            Heads.Add(header.Hash);
            foreach (int dep in depRows) Heads.Remove(_hashes[dep]);
        }
    }
}
