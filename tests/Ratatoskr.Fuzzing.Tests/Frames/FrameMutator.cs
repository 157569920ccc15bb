using System.Buffers.Binary;
using System.Text;
using Ratatoskr.Protocol.WebSockets;
using SharedTests.Fuzzing;

namespace Ratatoskr.Fuzzing.Tests.Frames;

/// <summary>A client frame as it is written: nothing says that its head makes sense.</summary>
internal sealed record FuzzFrame(byte Flags, byte[] Payload)
{
    /// <summary>The length that it claims; its payload's when null.</summary>
    public ulong? Claimed { get; init; }

    /// <summary>Bytes for the length; the fewest when null.</summary>
    public int? LengthBytes { get; init; }

    public uint Key { get; init; }

    public bool IsMasked { get; init; } = true;

    public static FuzzFrame Whole(Opcode opcode, byte[] payload) => new((byte)(0x80 | (byte)opcode), payload);

    /// <summary>The whole frames at the beginning.</summary>
    public static List<FuzzFrame> Parse(ReadOnlySpan<byte> bytes)
    {
        List<FuzzFrame> frames = [];
        while (FrameReader.TryReadClientHeader(bytes, out FrameHeader header, out int length) && header.Length <= bytes.Length - length)
        {
            byte[] payload = bytes.Slice(length, (int)header.Length).ToArray();
            Masking.Unmask(payload, header.MaskKey, 0);
            frames.Add(new FuzzFrame(bytes[0], payload));
            bytes = bytes[(length + payload.Length)..];
        }

        return frames;
    }

    public void WriteTo(List<byte> output)
    {
        ulong length = Claimed ?? (ulong)Payload.Length;
        int lengthBytes = LengthBytes ?? length switch { < 126 => 0, <= ushort.MaxValue => 2, _ => 8 };
        Span<byte> wide = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(wide, length);
        output.Add(Flags);
        output.Add((byte)((IsMasked ? 0x80 : 0) | lengthBytes switch { 0 => (int)length & 0x7f, 2 => 126, _ => 127 }));
        output.AddRange(wide[(8 - lengthBytes)..]);
        Span<byte> key = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(key, Key);
        if (IsMasked) output.AddRange(key);
        for (int i = 0; i < Payload.Length; i++) output.Add((byte)(Payload[i] ^ key[i & 3]));
    }
}

/// <summary>What a client may send after its upgrade: mostly sound frames, cut up, interleaved and lied about.</summary>
internal static class FrameMutator
{
    private static readonly byte[][] Words = [[0x81, 0xfe], [0x82, 0xff, 0, 0, 0, 1], [0x88, 0x82], [0x89, 0x80], [0x00, 0x80], [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]];

    /// <summary>Messages as frames.</summary>
    public static List<FuzzFrame> Make(Random random, IEnumerable<byte[]> messages)
    {
        List<FuzzFrame> frames = [];
        foreach (byte[] message in messages)
        {
            Opcode opcode = random.Next(6) == 0 ? Opcode.Text : Opcode.Binary;
            byte[] payload = opcode == Opcode.Text && random.Next(4) > 0 ? Encoding.UTF8.GetBytes(Convert.ToBase64String(message) + "é\U0001F600") : message;
            if (random.Next(3) > 0) frames.Add(FuzzFrame.Whole(opcode, payload));
            else AddFragments(random, frames, opcode, payload);
            if (random.Next(4) == 0) frames.Add(Control(random));
        }

        return frames;
    }

    public static void Mutate(Random random, List<FuzzFrame> frames)
    {
        for (int count = random.Next(3); count > 0 && frames.Count > 0; count--)
        {
            int at = random.Next(frames.Count);
            FuzzFrame frame = frames[at];
            switch (random.Next(12))
            {
                case 0: frames[at] = frame with { Flags = (byte)(frame.Flags ^ (1 << random.Next(8))) }; break;
                case 1: frames[at] = frame with { Flags = (byte)random.Next(256) }; break;
                case 2: frames[at] = frame with { Claimed = random.Next(2) == 0 ? (ulong)Math.Max(0, frame.Payload.Length + random.Next(5) - 2) : 1UL << random.Next(64) }; break;
                case 3: frames[at] = frame with { LengthBytes = random.Next(3) switch { 0 => 0, 1 => 2, _ => 8 } }; break;
                case 4: frames[at] = frame with { IsMasked = false }; break;
                case 5: frames[at] = frame with { Payload = ByteMutator.Mutate(random, frame.Payload) }; break;
                case 6: frames.RemoveAt(at); break;
                case 7: frames.Insert(at, frames[random.Next(frames.Count)]); break;
                case 8: frames.Insert(at, Control(random)); break;
                case 9: frames[at] = frame with { Payload = new byte[1 << random.Next(18)] }; break;
                case 10: frames.Insert(at, new FuzzFrame((byte)(random.Next(2) * 0x80), [])); break;
                default: frames.Insert(at, FuzzFrame.Whole(Opcode.Close, CloseBody(random))); break;
            }
        }
    }

    public static byte[] Write(Random random, IEnumerable<FuzzFrame> frames)
    {
        List<byte> output = [];
        foreach (FuzzFrame frame in frames) (frame with { Key = random.Next(3) == 0 ? 0 : (uint)random.Next() }).WriteTo(output);
        byte[] bytes = [.. output];
        return random.Next(5) == 0 ? ByteMutator.Mutate(random, bytes, Words) : bytes;
    }

    private static void AddFragments(Random random, List<FuzzFrame> frames, Opcode opcode, byte[] payload)
    {
        int start = 0;
        for (int left = random.Next(4); left >= 0; left--)
        {
            int end = left == 0 ? payload.Length : start + random.Next(payload.Length - start + 1);
            frames.Add(new FuzzFrame((byte)((left == 0 ? 0x80 : 0) | (byte)opcode), payload[start..end]));
            opcode = Opcode.Continuation;
            if (left > 0 && random.Next(3) == 0) frames.Add(Control(random));
            start = end;
        }
    }

    private static FuzzFrame Control(Random random) => random.Next(5) switch
    {
        0 => FuzzFrame.Whole(Opcode.Pong, new byte[random.Next(20)]),
        1 => FuzzFrame.Whole(Opcode.Ping, new byte[random.Next(130)]),
        _ => FuzzFrame.Whole(Opcode.Ping, Encoding.UTF8.GetBytes($"{random.Next()}")),
    };

    private static byte[] CloseBody(Random random)
    {
        if (random.Next(4) == 0) return new byte[random.Next(2)];
        int code = random.Next(3) switch { 0 => 1000 + random.Next(20), 1 => random.Next(65536), _ => 3000 };
        byte[] reason = random.Next(3) == 0 ? [0xc3] : Encoding.UTF8.GetBytes("bye é");
        return [(byte)(code >> 8), (byte)code, .. reason];
    }
}
