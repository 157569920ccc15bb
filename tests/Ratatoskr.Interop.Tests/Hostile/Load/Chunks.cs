using System.IO.Compression;
using System.Security.Cryptography;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>Automerge chunks written by hand: correct outside, and inside whatever is asked for.</summary>
internal static class Chunks
{
    public const byte Document = 0, Change = 1, CompressedChange = 2;

    private static readonly byte[] s_magic = [0x85, 0x6f, 0x4a, 0x83];

    /// <summary>A chunk whose checksum is right.</summary>
    public static byte[] Make(byte type, ReadOnlySpan<byte> body)
    {
        byte[] hashed = [type, .. Leb((ulong)body.Length), .. body];
        return [.. s_magic, .. SHA256.HashData(hashed).AsSpan(0, 4), .. hashed];
    }

    /// <summary>A change of <paramref name="columns"/>, each with its specification.</summary>
    public static byte[] MakeChange(byte[] actor, uint seq, uint startOp, byte[][] deps, params (byte Specification, byte[] Data)[] columns) =>
        Make(Change, ChangeBody(actor, seq, startOp, deps, columns));

    public static byte[] ChangeBody(byte[] actor, uint seq, uint startOp, byte[][] deps, params (byte Specification, byte[] Data)[] columns)
    {
        List<byte> body = [.. Leb((ulong)deps.Length)];
        foreach (byte[] dep in deps) body.AddRange(dep);
        body.AddRange([.. Leb((ulong)actor.Length), .. actor, .. Leb(seq), .. Leb(startOp), 0, 0, 0]);      // time 0, no message, no other actors
        body.AddRange(Leb((ulong)columns.Length));
        foreach ((byte specification, byte[] data) in columns) body.AddRange([specification, .. Leb((ulong)data.Length)]);
        foreach ((_, byte[] data) in columns) body.AddRange(data);
        return [.. body];
    }

    /// <summary>The same change, deflated as Automerge does it: the checksum stays that of the plain form.</summary>
    public static byte[] Compress(ReadOnlySpan<byte> change)
    {
        int header = 9;
        while (change[header++] >= 0x80) { }
        byte[] packed = Deflate(change[header..]);
        return [.. change[..8], CompressedChange, .. Leb((ulong)packed.Length), .. packed];
    }

    public static byte[] Deflate(ReadOnlySpan<byte> bytes)
    {
        using MemoryStream packed = new();
        using (DeflateStream deflate = new(packed, CompressionLevel.SmallestSize, leaveOpen: true)) deflate.Write(bytes);
        return packed.ToArray();
    }

    public static byte[] Leb(ulong value)
    {
        List<byte> bytes = [];
        for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
        return [.. bytes];
    }

    public static byte[] SignedLeb(long value)
    {
        List<byte> bytes = [];
        while (true)
        {
            byte low = (byte)(value & 0x7f);
            value >>= 7;
            if ((value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0))
            {
                bytes.Add(low);
                return [.. bytes];
            }

            bytes.Add((byte)(low | 0x80));
        }
    }
}
