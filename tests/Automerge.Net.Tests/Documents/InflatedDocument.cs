using System.IO.Compression;
using Automerge.Columns;
using Automerge.Documents;
using Automerge.Format;

namespace Automerge.Tests.Documents;

/// <summary>A document chunk taken apart and inflated: what two saves of the same document must agree in, whatever deflate made of them.</summary>
internal sealed class InflatedDocument
{
    private InflatedDocument(List<(string Name, byte[] Bytes)> parts) => Parts = parts;

    /// <summary>Actors, heads, the columns by name, head rows; in the order written.</summary>
    public List<(string Name, byte[] Bytes)> Parts { get; }

    public static InflatedDocument Parse(ReadOnlySpan<byte> chunkBytes)
    {
        Assert.True(ChunkReader.TryRead(chunkBytes, out Chunk chunk, out ChunkError error), error.Describe());
        Assert.True(chunk.ChecksumMatches(chunk.ComputeHash()), "bad checksum");
        Assert.True(DocumentHeader.TryRead(chunk, out DocumentHeader header, out string what), what);
        List<(string, byte[])> parts = [("actors", header.Actors.ToArray()), ("heads", string.Join(",", header.Heads.ToArray()).Select(c => (byte)c).ToArray())];
        ReadOnlySpan<byte> rest = header.Rest;
        List<(string Set, uint Spec, uint Length)> columns = [];
        foreach (string set in (string[])["change", "operation"])
        {
            Assert.True(Leb128.TryReadUnsigned(ref rest, out ulong count));
            for (ulong i = 0; i < count; i++)
            {
                Assert.True(Leb128.TryReadUInt32(ref rest, out uint spec) & Leb128.TryReadUInt32(ref rest, out uint length));
                columns.Add((set, spec, length));
            }
        }

        foreach ((string set, uint spec, uint length) in columns)
        {
            byte[] column = rest[..(int)length].ToArray();
            rest = rest[(int)length..];
            byte[] inflated = (spec & ColumnSpec.DeflateBit) == 0 ? column : Inflate(column);
            Assert.True(inflated.Length >= 256 == ((spec & ColumnSpec.DeflateBit) != 0), $"{set} column {spec:x}: {inflated.Length} bytes, deflated or not");
            parts.Add(($"{set} column {spec & ~ColumnSpec.DeflateBit:x2}", inflated));
        }

        parts.Add(("head rows", rest.ToArray()));
        return new InflatedDocument(parts);
    }

    /// <summary>Fails naming the first part that differs and where.</summary>
    public static void AssertSame(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, string what = "", string[]? except = null)
    {
        List<(string Name, byte[] Bytes)> left = [.. Parse(expected).Parts.Where(part => except?.Contains(part.Name) != true)], right = [.. Parse(actual).Parts.Where(part => except?.Contains(part.Name) != true)];
        Assert.True(left.Select(part => part.Name).SequenceEqual(right.Select(part => part.Name)), $"{what}: columns {string.Join(", ", right.Select(part => part.Name))} instead of {string.Join(", ", left.Select(part => part.Name))}");
        foreach (((string name, byte[] wanted), (_, byte[] found)) in left.Zip(right))
        {
            int same = wanted.AsSpan().CommonPrefixLength(found);
            Assert.True(same == wanted.Length && same == found.Length, $"{what}: {name} differs at byte {same} of {wanted.Length} (written: {found.Length}): {Around(wanted, same)} | {Around(found, same)}");
        }
    }

    private static string Around(byte[] bytes, int at) => Convert.ToHexStringLower(bytes.AsSpan(Math.Min(at, bytes.Length), Math.Min(16, Math.Max(0, bytes.Length - at))));

    private static byte[] Inflate(byte[] column)
    {
        using DeflateStream inflater = new(new MemoryStream(column), CompressionMode.Decompress);
        using MemoryStream output = new();
        inflater.CopyTo(output);
        return output.ToArray();
    }
}
