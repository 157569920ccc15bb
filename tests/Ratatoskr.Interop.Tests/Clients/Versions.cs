namespace Ratatoskr.Interop.Tests.Clients;

/// <summary>The client versions installed side by side under node/.</summary>
internal static class Versions
{
    /// <summary>automerge-repo 2.5.6 with automerge 3.5.0: what <c>npm install</c> gives.</summary>
    public const string Current = "v256";

    /// <summary>automerge-repo 1.2.1 with automerge 2.2.9: the last of 1.x, and what the published sync server runs.</summary>
    public const string Old = "v121";

    /// <summary>automerge-repo 2.0.8 with automerge 2.2.9: 2.x before READ_ONLY and SYNC_RESET.</summary>
    public const string Early2 = "v208";

    /// <summary>automerge-repo 2.6.0-alpha.3 with automerge 3.5.0: the rewrite that comes next.</summary>
    public const string Next = "v260a";

    public static readonly string[] All = [Old, Early2, Current, Next];
}
