using System.Text.Unicode;

namespace Automerge.Columns;

/// <summary>Value type codes: the low four bits of value metadata; the rest is the length of the value's bytes.</summary>
internal static class ScalarCode
{
    public const int Null = 0;
    public const int False = 1;
    public const int True = 2;
    public const int Unsigned = 3;
    public const int Signed = 4;
    public const int Float = 5;
    public const int String = 6;
    public const int Bytes = 7;
    public const int Counter = 8;
    public const int Timestamp = 9;
}

/// <summary>Which bytes a value of a type may have: one form per value, or a rewrite would change the hash.</summary>
internal static class ScalarRules
{
    /// <summary>What is wrong with a value, or null. Unknown types (10–15) are any bytes.</summary>
    public static string? Check(int code, ReadOnlySpan<byte> bytes) => code switch
    {
        ScalarCode.Null or ScalarCode.False or ScalarCode.True => bytes.IsEmpty ? null : "value: null or boolean with bytes",
        ScalarCode.Unsigned => Leb128.TryReadUnsigned(ref bytes, out _) && bytes.IsEmpty ? null : "value: malformed unsigned number",
        ScalarCode.Signed or ScalarCode.Counter or ScalarCode.Timestamp =>
            Leb128.TryReadSigned(ref bytes, out _) && bytes.IsEmpty ? null : "value: malformed signed number",
        ScalarCode.Float => bytes.Length == sizeof(double) ? null : "value: float is not 8 bytes",
        ScalarCode.String => Utf8.IsValid(bytes) ? null : "value: invalid string encoding",
        _ => null,
    };

    /// <summary>
    /// Checks <paramref name="count"/> values of one type and length laid end to end; ASCII text, the common case, at once.
    /// </summary>
    public static string? CheckRun(int code, int length, long count, ReadOnlySpan<byte> bytes)
    {
        if (length == 0) return Check(code, default);
        if (code == ScalarCode.Bytes || code > ScalarCode.Timestamp) return null;
        if (code == ScalarCode.String && System.Text.Ascii.IsValid(bytes)) return null;
        for (long i = 0; i < count; i++)
        {
            string? fault = Check(code, bytes[..length]);
            if (fault is not null) return fault;
            bytes = bytes[length..];
        }

        return null;
    }
}
