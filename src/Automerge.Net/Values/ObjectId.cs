using System.Globalization;
using Automerge.Changes;

namespace Automerge.Values;

/// <summary>Names an object of a document for good: by the operation that made it. <c>default</c> is the root map, which none made.</summary>
/// <param name="Operation">The operation; default for the root.</param>
public readonly record struct ObjectId(OpId Operation)
{
    private const string RootName = "_root";

    /// <summary>The map that every document begins with.</summary>
    public static ObjectId Root => default;

    /// <summary>Whether this is the root map.</summary>
    public bool IsRoot => Operation.Counter == 0;

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out ObjectId id)
    {
        id = default;
        if (text.SequenceEqual(RootName)) return true;
        if (!OpIdText.TryParse(text, out OpId operation)) return false;
        id = new ObjectId(operation);
        return true;
    }

    /// <summary>As Automerge prints object ids: <c>_root</c>, or <c>12@aabb…</c>: counter and actor in hexadecimal.</summary>
    public override string ToString() => IsRoot ? RootName : Operation.ToString();
}

/// <summary>Operation ids as Automerge prints them.</summary>
internal static class OpIdText
{
    public static bool TryParse(ReadOnlySpan<char> text, out OpId id)
    {
        id = default;
        int at = text.IndexOf('@');
        if (at < 1 || !uint.TryParse(text[..at], NumberStyles.None, CultureInfo.InvariantCulture, out uint counter) || counter == 0) return false;
        ReadOnlySpan<char> hex = text[(at + 1)..];
        byte[] actor = new byte[hex.Length / 2];
        if (hex.Length % 2 != 0 || Convert.FromHexString(hex, actor, out _, out _) != System.Buffers.OperationStatus.Done) return false;
        id = new OpId(counter, new ActorId(actor));
        return true;
    }
}
