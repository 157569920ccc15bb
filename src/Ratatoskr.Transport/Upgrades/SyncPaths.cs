using System.Buffers;

namespace Ratatoskr.Transport.Upgrades;

/// <summary>
/// The paths that speak the sync protocol: <c>/sync</c>, and <c>/</c> for stock clients. Every other one belongs to HTTP;
/// <c>/subduction</c> is kept free for the protocol of that name.
/// </summary>
internal static class SyncPaths
{
    public const string Sync = "/sync";
    private const string Root = "/";

    public static bool Contains(string? path) => path is Sync or Root;

    /// <summary>Whether a request that begins with <paramref name="input"/> may be a GET of such a path.</summary>
    public static bool MayBegin(in ReadOnlySequence<byte> input)
    {
        Span<byte> start = stackalloc byte["GET /sync "u8.Length];
        start = start[..(int)Math.Min(input.Length, start.Length)];
        input.Slice(0, start.Length).CopyTo(start);
        return Matches(start, "GET /sync"u8) || Matches(start, "GET /"u8);
    }

    // The target ends at a blank or a question mark.
    private static bool Matches(ReadOnlySpan<byte> start, ReadOnlySpan<byte> target) =>
        start.Length <= target.Length
            ? target.StartsWith(start)
            : start.StartsWith(target) && start[target.Length] is (byte)' ' or (byte)'?';
}
