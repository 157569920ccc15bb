namespace Ratatoskr.Interop.Tests;

/// <summary>Where these tests were built from, and what lies beside it.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>A check that must not be skipped for want of a tool or a file: there, a skip is a failure.</summary>
    public static bool InCi => Environment.GetEnvironmentVariable("CI") == "true";

    /// <summary>Third-party Automerge documents, which are not part of this repository. null: not on this machine.</summary>
    public static string? Vectors { get; } = FindVectors();

    /// <summary>Skips the test, saying why; in CI fails it.</summary>
    public static void SkipOrFail(bool there, string reason)
    {
        if (InCi) Assert.True(there, reason);
        else Assert.SkipUnless(there, reason);
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Ratatoskr.sln"))) return folder.FullName;
        throw new InvalidOperationException("These tests run from inside the repository: no Ratatoskr.sln above " + AppContext.BaseDirectory);
    }

    private static string? FindVectors()
    {
        string folder = Environment.GetEnvironmentVariable("AUTOMERGE_VECTORS") ?? Path.Combine(Root, "..", "shared", "vectors");
        return Directory.Exists(folder) ? Path.GetFullPath(folder) : null;
    }
}
