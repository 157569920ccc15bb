using System.Diagnostics.CodeAnalysis;
using Automerge.Format;

namespace Automerge.Documents;

/// <summary>Throws out of line, so that readers stay small.</summary>
internal static class DocumentFault
{
    [DoesNotReturn]
    public static void Throw(string what) => throw new AutomergeFormatException("document: " + what);

    [DoesNotReturn]
    public static void TooMuch(string what) => throw new AutomergeFormatException("document: " + what) { IsTooMuch = true };
}
