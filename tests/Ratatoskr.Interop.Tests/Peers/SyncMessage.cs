using System.Buffers;

namespace Ratatoskr.Interop.Tests.Peers;

/// <summary>
/// An automerge sync message, written and read here a second time so that the tests do not lean on the server's own codec.
/// <code>
/// 0x42 | 0x43 (v2) · heads · need · have { last sync · bloom } · changes · flags      lengths: LEB128; hashes: 32 bytes
/// </code>
/// </summary>
internal sealed record SyncMessage
{
    private const byte V1 = 0x42;
    private const byte V2 = 0x43;
    private const int HashSize = 32;

    public bool IsV2 { get; init; } = true;

    public IReadOnlyList<string> Heads { get; init; } = [];

    public IReadOnlyList<string> Need { get; init; } = [];

    /// <summary>The one "have": everything up to these heads, with an empty Bloom filter. null: none is sent.</summary>
    public IReadOnlyList<string>? LastSync { get; init; }

    public IReadOnlyList<byte[]> Changes { get; init; } = [];

    /// <summary>Supports v2 and SYNC_RESET, as automerge 3.2.6 and newer.</summary>
    public byte[] Flags { get; init; } = [0x02, 0x84];

    /// <summary>The ten bytes with which a client that has nothing asks for a document.</summary>
    public static byte[] EmptyRequest => new SyncMessage { IsV2 = false, LastSync = [] }.Encode();

    /// <summary>Whether these bytes, an entry of <see cref="Changes"/>, begin with a whole document: magic, checksum, type 0.</summary>
    public static bool IsDocumentChunk(ReadOnlySpan<byte> entry) => entry.Length > 8 && entry[8] == 0;

    public byte[] Encode()
    {
        ArrayBufferWriter<byte> output = new();
        output.Write([IsV2 ? V2 : V1]);
        WriteHashes(output, Heads);
        WriteHashes(output, Need);
        if (LastSync is null) WriteLength(output, 0);
        else
        {
            WriteLength(output, 1);
            WriteHashes(output, LastSync);
            WriteLength(output, 0);
        }
        WriteLength(output, Changes.Count);
        foreach (byte[] change in Changes)
        {
            WriteLength(output, change.Length);
            output.Write(change);
        }
        WriteLength(output, Flags.Length);
        output.Write(Flags);
        return output.WrittenSpan.ToArray();
    }

    public static SyncMessage Parse(ReadOnlySpan<byte> data)
    {
        Assert.True(data[0] is V1 or V2, $"A sync message begins with {data[0]:x2}.");
        bool v2 = data[0] == V2;
        data = data[1..];
        string[] heads = ReadHashes(ref data);
        string[] need = ReadHashes(ref data);
        string[]? lastSync = null;
        for (int left = ReadLength(ref data); left > 0; left--)
        {
            lastSync = ReadHashes(ref data);
            Take(ref data, ReadLength(ref data)); // the Bloom filter
        }
        List<byte[]> changes = [];
        for (int left = ReadLength(ref data); left > 0; left--) changes.Add(Take(ref data, ReadLength(ref data)).ToArray());
        byte[] flags = data.IsEmpty ? [] : Take(ref data, ReadLength(ref data)).ToArray();
        return new SyncMessage { IsV2 = v2, Heads = heads, Need = need, LastSync = lastSync, Changes = changes, Flags = flags };
    }

    private static void WriteHashes(ArrayBufferWriter<byte> output, IReadOnlyList<string> hashes)
    {
        WriteLength(output, hashes.Count);
        foreach (string hash in hashes.Order(StringComparer.Ordinal)) output.Write(Convert.FromHexString(hash));
    }

    private static void WriteLength(ArrayBufferWriter<byte> output, int value)
    {
        uint rest = (uint)value;
        for (; rest >= 0x80; rest >>= 7) output.Write([(byte)(rest | 0x80)]);
        output.Write([(byte)rest]);
    }

    private static string[] ReadHashes(ref ReadOnlySpan<byte> data)
    {
        string[] hashes = new string[ReadLength(ref data)];
        for (int i = 0; i < hashes.Length; i++) hashes[i] = Convert.ToHexStringLower(Take(ref data, HashSize));
        return hashes;
    }

    private static int ReadLength(ref ReadOnlySpan<byte> data)
    {
        int value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = Take(ref data, 1)[0];
            value |= (next & 0x7f) << shift;
            if (next < 0x80) return value;
        }
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> data, int count)
    {
        ReadOnlySpan<byte> taken = data[..count];
        data = data[count..];
        return taken;
    }
}
