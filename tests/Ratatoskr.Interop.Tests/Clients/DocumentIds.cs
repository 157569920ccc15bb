using System.Numerics;
using System.Security.Cryptography;

namespace Ratatoskr.Interop.Tests.Clients;

/// <summary>Document ids as automerge-repo makes them, written here once more so that tests do not lean on the code they test.</summary>
internal static class DocumentIds
{
    private const string Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

    /// <summary>base58check of a random UUID: an id nobody has. 1.x and 2.0 clients look at the UUID's version bits.</summary>
    public static string New() => Base58Check(Guid.NewGuid().ToByteArray(bigEndian: true));

    public static string Base58Check(ReadOnlySpan<byte> payload)
    {
        byte[] checkedBytes = [.. payload, .. SHA256.HashData(SHA256.HashData(payload)).AsSpan(0, 4)];
        BigInteger rest = new(checkedBytes, isUnsigned: true, isBigEndian: true);
        List<char> text = [];
        for (; rest > 0; rest /= 58) text.Insert(0, Alphabet[(int)(rest % 58)]);
        text.InsertRange(0, checkedBytes.TakeWhile(value => value == 0).Select(_ => '1'));
        return new string([.. text]);
    }
}
