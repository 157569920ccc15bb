namespace Ratatoskr.Protocol.Tests.Support;

/// <summary>Small damage to valid input, from a seed: what fuzzers find most with.</summary>
internal static class Mutations
{
    // Values at which lengths and heads change meaning.
    private static readonly byte[] s_edges = [0x00, 0x17, 0x18, 0x1b, 0x1f, 0x3b, 0x40, 0x5b, 0x5f, 0x7d, 0x7e, 0x7f, 0x80, 0x9b, 0xbb, 0xbf, 0xf6, 0xf7, 0xfb, 0xff];

    public static byte[] Mutate(byte[] valid, Random random)
    {
        List<byte> bytes = [.. valid];
        for (int changes = random.Next(1, 5); changes > 0 && bytes.Count > 0; changes--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = s_edges[random.Next(s_edges.Length)];
                    break;
                case 2:
                    bytes.RemoveRange(at, random.Next(1, Math.Min(9, bytes.Count - at + 1)));
                    break;
                case 3:
                    bytes.Insert(at, s_edges[random.Next(s_edges.Length)]);
                    break;
                case 4:
                    bytes.InsertRange(at, bytes.GetRange(at, random.Next(Math.Min(40, bytes.Count - at))));
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }

        return [.. bytes];
    }
}
