using System.IO.Compression;
using System.Security.Cryptography;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>Attacks by claim: few bytes that say they are many.</summary>
internal static class Bombs
{
    private const long Rows = 1L << 40;
    private static readonly byte[] s_actor = RandomNumberGenerator.GetBytes(16);
    private static readonly Lazy<byte[]> s_bombOfZeros = new(() => Deflated(60 << 20));

    // Column specifications of format §4: id << 4 | type, and 8 for a deflated one.
    private const byte KeyString = 0x15, Insert = 0x34, Action = 0x42, ValueMetadata = 0x56, Deflate = 8;

    public static string Gigabyte(Target target)
    {
        Ending ending = null!;
        for (int i = 0; i < 16; i++)
        {
            using Wire wire = Wire.Join(target.Server);
            wire.Send([.. Wire.Header(1L << 30), .. new byte[1000]]);
            ending = wire.UntilClosed();
            Assert.Equal(1009, ending.Code);
        }

        return $"16 × {ending}";
    }

    /// <summary>In a change and in a whole document.</summary>
    public static string Columns(Target target)
    {
        byte[] run = [.. Chunks.SignedLeb(Rows), 1];
        (byte, byte[])[] columns = [(KeyString, [.. Chunks.SignedLeb(Rows), 1, (byte)'k']), (Insert, Chunks.Leb((ulong)Rows)), (Action, run), (ValueMetadata, run)];
        return Refused(target, 200, [Chunks.MakeChange(s_actor, 1, 1, [], columns), Document([(0x01, run), (0x03, run)], columns)]);
    }

    /// <summary>A compressed change of 60 MB of zeros, and documents with columns of as much.</summary>
    public static string Deflates(Target target)
    {
        byte[] bomb = s_bombOfZeros.Value;
        byte[] zeros = new byte[60 << 20];
        byte[] change = Chunks.Compress(Chunks.MakeChange(s_actor, 1, 1, [], (ValueMetadata, [1]), (0x57, zeros)));
        byte[] document = Document([], [(KeyString | Deflate, bomb), (Insert | Deflate, bomb), (Action | Deflate, bomb), (ValueMetadata | Deflate, bomb)]);
        return Refused(target, target.Size(20, 2), [change, document]);
    }

    /// <summary>A frame that says it is compressed, where nobody has agreed to that.</summary>
    public static string CompressedFrames(Target target)
    {
        using Wire wire = Wire.Join(target.Server);
        wire.Send(Wire.Framed(0xc2, s_bombOfZeros.Value));
        Ending ending = wire.UntilClosed();
        Assert.Equal(1002, ending.Code);
        return ending.ToString();
    }

    // Each chunk so many times, each time for a document of its own: who was refused once is not listened to again.
    private static string Refused(Target target, int times, byte[][] chunks)
    {
        using Wire wire = Wire.Join(target.Server);
        int expected = times * chunks.Length;
        Task<Ending> reading = Task.Factory.StartNew(() => wire.UntilClosed(ending => Errors(ending) == expected), TaskCreationOptions.LongRunning);
        for (int i = 0; i < times; i++)
        {
            foreach (byte[] chunk in chunks)
            {
                wire.Send(wire.Sync(DocumentIds.New(), new SyncMessage { LastSync = [], Heads = [Convert.ToHexStringLower(SHA256.HashData(chunk))], Changes = [chunk] }));
            }
        }

        Ending refused = reading.GetAwaiter().GetResult();
        Assert.Equal(expected, Errors(refused));
        return refused.ToString();
    }

    private static int Errors(Ending ending) => ending.Count("error:invalid_change") + ending.Count("error:document_too_large");

    // Format §5: actors, heads, the columns of changes and of operations, their bytes, and the heads' places.
    private static byte[] Document((byte Specification, byte[] Data)[] changes, (byte Specification, byte[] Data)[] operations)
    {
        List<byte> body = [1, (byte)s_actor.Length, .. s_actor, 1, .. RandomNumberGenerator.GetBytes(32)];
        foreach ((byte, byte[])[] columns in new[] { changes, operations })
        {
            body.AddRange(Chunks.Leb((ulong)columns.Length));
            foreach ((byte specification, byte[] data) in columns) body.AddRange([specification, .. Chunks.Leb((ulong)data.Length)]);
        }

        foreach ((_, byte[] data) in changes.Concat(operations)) body.AddRange(data);
        return Chunks.Make(Chunks.Document, [.. body, 0]);
    }

    private static byte[] Deflated(int zeros)
    {
        using MemoryStream packed = new();
        using (DeflateStream deflate = new(packed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            byte[] megabyte = new byte[1 << 20];
            for (int i = 0; i < zeros >> 20; i++) deflate.Write(megabyte);
        }

        return packed.ToArray();
    }
}
