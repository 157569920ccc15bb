using System.Buffers;
using Automerge.Changes;
using Microsoft.Extensions.Primitives;

namespace Ratatoskr.Http.Endpoints;

/// <summary>Heads in URLs and headers: hashes in hexadecimal, with commas between them.</summary>
internal static class DocumentHeads
{
    // As many as a document may have; a longer list names changes that are not there.
    private const int CountMax = 4_096;

    private static readonly SearchValues<char> s_hexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    public static bool TryParse(string? text, out ChangeHash[] heads)
    {
        heads = [];
        if (string.IsNullOrEmpty(text)) return false;
        string[] parts = text.Split(',', CountMax + 1);
        if (parts.Length > CountMax) return false;
        ChangeHash[] parsed = new ChangeHash[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            ReadOnlySpan<char> hex = parts[i].AsSpan().Trim();
            if (hex.Length != 2 * ChangeHash.Size || hex.ContainsAnyExcept(s_hexDigits)) return false;
            parsed[i] = ChangeHash.Parse(hex);
        }

        Array.Sort(parsed);
        heads = parsed;
        return true;
    }

    public static string[] Names(IEnumerable<ChangeHash> heads) => [.. heads.Select(head => head.ToString())];

    /// <summary>The entity tag of content: what it was made of says what it is.</summary>
    public static string Tag(IEnumerable<ChangeHash> heads) => $"\"{string.Join(',', Names(heads))}\"";

    /// <summary>Reads <c>If-Match</c>.</summary>
    /// <param name="heads">null for any: there was no header, or a star.</param>
    /// <returns>false: it names nothing that could match.</returns>
    public static bool TryIfMatch(StringValues header, out ChangeHash[]? heads)
    {
        heads = null;
        if (header.Count == 0 || header is ["*"]) return true;
        if (header is not [{ Length: >= 2 } tag] || tag[0] != '"' || tag[^1] != '"') return false;
        heads = [];
        if (tag.Length == 2) return true;
        bool valid = TryParse(tag[1..^1], out ChangeHash[] parsed);
        heads = parsed;
        return valid;
    }
}
