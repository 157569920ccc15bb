namespace Ratatoskr.Http.Tests.Support;

/// <summary>What these tests need of the machine: Node with the packages of node/, and a browser.</summary>
internal static class Tools
{
    public static string Node { get; } = Path.Combine(FindRoot(), "tests", "Ratatoskr.Http.Tests", "node");

    private static string Browser => Environment.GetEnvironmentVariable("CHROMIUM") ?? "/usr/bin/chromium";

    /// <summary>What is not there, and how to get it; null when nothing is missing.</summary>
    public static string? Missing(bool browser) =>
        !Directory.Exists(Path.Combine(Node, "node_modules")) ? "the npm packages are not installed: run ./test.sh once, or `npm ci` in tests/Ratatoskr.Http.Tests/node"
        : browser && !File.Exists(Browser) ? $"there is no browser at {Browser}: install chromium, or name one in CHROMIUM"
        : null;

    /// <summary>Skips the test, saying why; in CI fails it. Called by tests, not by class fixtures: a fixture that skips fails.</summary>
    public static void Need(bool browser = false)
    {
        string? missing = Missing(browser);
        if (Environment.GetEnvironmentVariable("CI") == "true") Assert.Null(missing);
        else Assert.SkipWhen(missing is not null, missing ?? "");
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Ratatoskr.sln"))) return folder.FullName;
        throw new InvalidOperationException("These tests run from inside the repository: no Ratatoskr.sln above " + AppContext.BaseDirectory);
    }
}
