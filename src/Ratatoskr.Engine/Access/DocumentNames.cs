using System.Text;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Access;

/// <summary>What a document may be called in the API: <c>doc:</c>, <c>app:</c> or <c>eph:</c>, or nothing, which means <c>doc:</c>, and a local part.</summary>
public enum DocumentNameKind : byte
{
    /// <summary>A document, by a name of its owner's choice or its automerge id.</summary>
    Document,

    /// <summary>The caller's own document of an application.</summary>
    App,

    /// <summary>A document that is never stored.</summary>
    Ephemeral,
}

/// <summary>A name that is spelled as names are; whether there is such a document is another question.</summary>
/// <param name="Kind">By its prefix.</param>
/// <param name="Text">Whole, as given.</param>
/// <param name="Local">Without the prefix.</param>
public readonly record struct DocumentName(DocumentNameKind Kind, string Text, string Local)
{
    /// <summary>Characters of a local part.</summary>
    public const int LocalLengthMax = 200;

    private const int PrefixLength = 4;

    /// <summary>The automerge id that the local part is; default when it is none.</summary>
    public DocumentId AutomergeId => ParseAutomergeId(Local, out DocumentId id) ? id : default;

    /// <summary>Reads a name: an optional prefix, then 1 to 200 of letters, digits, dot, underscore and hyphen, not <c>.</c> or <c>..</c> alone.</summary>
    public static bool TryParse(string text, out DocumentName name)
    {
        name = default;
        DocumentNameKind kind = DocumentNameKind.Document;
        string local = text;
        if (text.Contains(':', StringComparison.Ordinal))
        {
            if (text.StartsWith("app:", StringComparison.Ordinal)) kind = DocumentNameKind.App;
            else if (text.StartsWith("eph:", StringComparison.Ordinal)) kind = DocumentNameKind.Ephemeral;
            else if (!text.StartsWith("doc:", StringComparison.Ordinal)) return false;
            local = text[PrefixLength..];
        }

        if (!IsLocal(local)) return false;
        name = new DocumentName(kind, text, local);
        return true;
    }

    /// <summary>Whether a text may stand behind a prefix; app ids are such.</summary>
    public static bool IsLocal(string text)
    {
        if (text.Length is 0 or > LocalLengthMax || text is "." or "..") return false;
        foreach (char c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-')) return false;
        }

        return true;
    }

    /// <summary>Reads an automerge id, as clients write them: base58check.</summary>
    public static bool ParseAutomergeId(string text, out DocumentId id)
    {
        id = default;
        return text.Length <= DocumentId.LengthMax && Ascii.IsValid(text) && DocumentId.TryParse(Encoding.ASCII.GetBytes(text), out id);
    }
}
