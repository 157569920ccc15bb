namespace Automerge.Format;

/// <summary>Bytes that claim to be Automerge data are not; the message names what was wrong.</summary>
/// <remarks>The only exception that decoding untrusted bytes may raise.</remarks>
public sealed class AutomergeFormatException : Exception
{
    /// <summary>Creates the error; <paramref name="what"/> reads as "what was wrong".</summary>
    public AutomergeFormatException(string what)
        : base(what)
    {
    }

    /// <summary>The bytes may be well-formed, but there is more of them than the caller allows.</summary>
    public bool IsTooMuch { get; init; }

    /// <summary>Creates the error with its cause.</summary>
    public AutomergeFormatException(string what, Exception cause)
        : base(what, cause)
    {
    }
}
