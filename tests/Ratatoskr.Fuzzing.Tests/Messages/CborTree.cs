using System.Buffers.Binary;
using System.Text;
using SharedTests.Fuzzing;

namespace Ratatoskr.Fuzzing.Tests.Messages;

/// <summary>A CBOR item as it is written (RFC 8949): any width of head, any form, sense or none.</summary>
internal sealed class CborTree
{
    /// <summary>0 to 7; 7 stands for simple values and floats.</summary>
    public int Major { get; set; }

    /// <summary>A number, a tag, a simple value, or the bits of a float.</summary>
    public ulong Argument { get; set; }

    /// <summary>Of a head: 0 in its first byte, 1, 2, 4 or 8; more than needed is sound. −1: the fewest.</summary>
    public int Width { get; set; } = -1;

    public bool IsIndefinite { get; set; }

    public byte[] Content { get; set; } = [];

    /// <summary>Elements; of a map keys and values in turn; of a tag its item.</summary>
    public List<CborTree> Items { get; set; } = [];

    public static CborTree Text(string text) => new() { Major = 3, Content = Encoding.UTF8.GetBytes(text) };

    public static CborTree Bytes(byte[] bytes) => new() { Major = 2, Content = bytes };

    public static CborTree Number(ulong number) => new() { Major = 0, Argument = number };

    public static CborTree Map(params CborTree[] items) => new() { Major = 5, Items = [.. items] };

    public static CborTree Array(params CborTree[] items) => new() { Major = 4, Items = [.. items] };

    /// <summary>Parses one sound item.</summary>
    public static CborTree Parse(ReadOnlySpan<byte> bytes) => ParseNext(ref bytes)!;

    public CborTree Copy() => new() { Major = Major, Argument = Argument, Width = Width, IsIndefinite = IsIndefinite, Content = Content, Items = Items.ConvertAll(item => item.Copy()) };

    public IEnumerable<CborTree> All() => Items.SelectMany(item => item.All()).Prepend(this);

    /// <summary>Of a map, by its key.</summary>
    public CborTree? this[string key]
    {
        get
        {
            for (int i = 0; i + 1 < Items.Count; i += 2)
            {
                if (Items[i].Major == 3 && Items[i].Content.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(key))) return Items[i + 1];
            }

            return null;
        }
    }

    public byte[] Write()
    {
        List<byte> output = [];
        WriteTo(output);
        return [.. output];
    }

    private void WriteTo(List<byte> output)
    {
        ulong argument = Major switch { 2 or 3 => (ulong)Content.Length, 4 => (ulong)Items.Count, 5 => (ulong)Items.Count / 2, _ => Argument };
        if (IsIndefinite) output.Add((byte)((Major << 5) | 31));
        else WriteHead(output, Major, argument, Width);
        if (Major is 2 or 3)
        {
            if (IsIndefinite) WriteHead(output, Major, argument, -1);
            output.AddRange(Content);
        }

        foreach (CborTree item in Items) item.WriteTo(output);
        if (IsIndefinite) output.Add(0xff);
    }

    private static void WriteHead(List<byte> output, int major, ulong argument, int width)
    {
        int needed = argument switch { < 24 => 0, <= byte.MaxValue => 1, <= ushort.MaxValue => 2, <= uint.MaxValue => 4, _ => 8 };
        if (width < needed) width = needed;
        Span<byte> wide = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(wide, argument);
        output.Add((byte)((major << 5) | width switch { 0 => (int)argument, 1 => 24, 2 => 25, 4 => 26, _ => 27 }));
        output.AddRange(wide[(8 - width)..]);
    }

    private static CborTree? ParseNext(ref ReadOnlySpan<byte> rest)
    {
        byte first = rest[0];
        rest = rest[1..];
        if (first == 0xff) return null;
        CborTree item = new() { Major = first >> 5, Width = (first & 31) switch { 24 => 1, 25 => 2, 26 => 4, 27 => 8, _ => 0 }, IsIndefinite = (first & 31) == 31 };
        item.Argument = (ulong)(first & 31);
        if (item.Width > 0)
        {
            item.Argument = 0;
            foreach (byte b in rest[..item.Width]) item.Argument = (item.Argument << 8) | b;
            rest = rest[item.Width..];
        }

        switch (item.Major)
        {
            case 2 or 3 when !item.IsIndefinite:
                item.Content = rest[..(int)item.Argument].ToArray();
                rest = rest[(int)item.Argument..];
                break;
            case 2 or 3:
                while (ParseNext(ref rest) is { } chunk) item.Content = [.. item.Content, .. chunk.Content];
                break;
            case 4 or 5 when item.IsIndefinite:
                while (ParseNext(ref rest) is { } element) item.Items.Add(element);
                break;
            case 4 or 5 or 6:
                for (ulong left = item.Major switch { 4 => item.Argument, 5 => 2 * item.Argument, _ => 1 }; left > 0; left--) item.Items.Add(ParseNext(ref rest)!);
                break;
        }

        return item;
    }
}

/// <summary>Changes what a message says and how it is written, so that it stays sound CBOR more often than not.</summary>
internal static class CborMutator
{
    public static readonly string[] Types =
        ["sync", "join", "peer", "auth", "leave", "error", "request", "auth_ok", "ephemeral", "auth_error", "doc-unavailable", "remote-heads-changed", "remote-subscription-change", "", "Sync", "ping"];

    public static readonly string[] Fields =
        ["add", "type", "data", "user", "count", "token", "error", "remove", "peerId", "message", "senderId", "targetId", "newHeads", "metadata", "sessionId", "anonymous", "documentId", "peerMetadata",
        "clientPeerId", "supportedProtocolVersions", "storageId", "isEphemeral", "heads", "timestamp", "id", "unknown", ""];

    /// <summary>Heads of every kind, for damage among the bytes.</summary>
    public static readonly IReadOnlyList<byte[]> Words =
    [
        [0xbf], [0x9f], [0xff], [0x5f], [0x7f], [0xf6], [0xf7], [0xf4], [0xf5], [0xd8, 0x40], [0xa0], [0x80], [0x40], [0x60], [0xf8, 0x1f], [0xf9, 0x7e, 0],
        [0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0], [0x9b, 0, 0, 0, 1, 0, 0, 0, 0], [0x7a, 0x7f, 0xff, 0xff, 0xff], [0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        [0xfb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0], [0xfb, 0x43, 0xf0, 0, 0, 0, 0, 0, 0], [0xfb, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0], [0x39, 0xff, 0xff],
        .. Fields.Select(field => CborTree.Text(field).Write()), .. Types.Select(type => CborTree.Text(type).Write()),
    ];

    public static byte[] Mutate(Random random, byte[] message)
    {
        CborTree tree = CborTree.Parse(message);
        for (int count = 1 + random.Next(3); count > 0; count--) MutateTree(random, tree);
        byte[] bytes = tree.Write();
        return random.Next(4) == 0 ? ByteMutator.Mutate(random, bytes, Words) : bytes;
    }

    private static void MutateTree(Random random, CborTree tree)
    {
        List<CborTree> all = [.. tree.All()];
        CborTree item = all[random.Next(all.Count)];
        switch (random.Next(14))
        {
            case 0: item.IsIndefinite = item.Major is 2 or 3 or 4 or 5 && !item.IsIndefinite; break;
            case 1: item.Width = random.Next(4) switch { 0 => 1, 1 => 2, 2 => 4, _ => 8 }; break;
            case 2 when item.Major is 2 or 3: item.Content = ByteMutator.Mutate(random, item.Content); break;
            case 3 when item.Major is 2 or 3: item.Content = new byte[random.Next(3) switch { 0 => 257, 1 => 1025, _ => random.Next(20_000) }]; break;
            case 4 when item.Items.Count > 0: item.Items.RemoveAt(random.Next(item.Items.Count)); break;
            case 5 when item.Items.Count > 0: item.Items.Insert(random.Next(item.Items.Count + 1), item.Items[random.Next(item.Items.Count)].Copy()); break;
            case 6 when tree.Major == 5: tree.Items.AddRange([CborTree.Text(Fields[random.Next(Fields.Length)]), MakeUp(random, 0)]); break;
            case 7 when tree["type"] is { Major: 3 } type: type.Content = Encoding.UTF8.GetBytes(Types[random.Next(Types.Length)]); break;
            case 8 when item.Items.Count > 0: item.Items[random.Next(item.Items.Count)] = MakeUp(random, 0); break;
            case 9: Wrap(random, item); break;
            case 10 when item.Major == 3: item.Content = Encoding.UTF8.GetBytes(Fields[random.Next(Fields.Length)]); break;
            case 11: item.Major = random.Next(5); break;
            case 12 when item.Major is 0 or 1: item.Argument = 1UL << random.Next(64); break;
            case 13 when tree.Items.Count > 3:
                int first = 2 * random.Next(tree.Items.Count / 2), second = 2 * random.Next(tree.Items.Count / 2);
                (tree.Items[first], tree.Items[second]) = (tree.Items[second], tree.Items[first]);
                break;
        }
    }

    // Into a tag, or an array within an array within an array.
    private static void Wrap(Random random, CborTree item)
    {
        CborTree inner = item.Copy();
        for (int depth = random.Next(6) == 0 ? random.Next(70) : random.Next(2); depth > 0; depth--) inner = random.Next(2) == 0 ? CborTree.Array(inner) : Tag(inner);
        CborTree outer = Tag(inner);
        (item.Major, item.Argument, item.Width, item.IsIndefinite, item.Content, item.Items) = (outer.Major, outer.Argument, -1, false, [], outer.Items);
    }

    private static CborTree Tag(CborTree inner) => new() { Major = 6, Argument = 64, Items = [inner] };

    private static CborTree MakeUp(Random random, int depth) => random.Next(depth > 3 ? 7 : 10) switch
    {
        0 => CborTree.Number(random.Next(2) == 0 ? (ulong)random.Next(30) : 1UL << random.Next(64)),
        1 => new CborTree { Major = 1, Argument = (ulong)random.NextInt64() },
        2 => CborTree.Bytes(new byte[random.Next(40)]),
        3 => CborTree.Text(random.Next(2) == 0 ? "1" : Types[random.Next(Types.Length)]),
        4 => new CborTree { Major = 7, Argument = (ulong)(20 + random.Next(4)) },
        5 => new CborTree { Major = 7, Argument = (ulong)random.NextInt64(), Width = 8 },
        6 => new CborTree { Major = 7, Argument = (ulong)random.Next(1 << 16), Width = 2 },
        7 => CborTree.Array([.. Enumerable.Range(0, random.Next(4)).Select(_ => MakeUp(random, depth + 1))]),
        8 => CborTree.Map([.. Enumerable.Range(0, 2 * random.Next(3)).Select(i => i % 2 == 0 ? CborTree.Text(Fields[random.Next(Fields.Length)]) : MakeUp(random, depth + 1))]),
        _ => Tag(MakeUp(random, depth + 1)),
    };
}
