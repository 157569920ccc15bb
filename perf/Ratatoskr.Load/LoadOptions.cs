using System.Globalization;

namespace Ratatoskr.Load;

/// <summary>What to measure, as the command line says it: <c>name=value</c>.</summary>
internal sealed record LoadOptions
{
    /// <summary>The published server.</summary>
    public required string Server { get; init; }

    /// <summary>The command line of the server to beat; null: only ours is measured.</summary>
    public string? Reference { get; init; }

    /// <summary>The core that servers are held to, as <c>taskset</c> names it.</summary>
    public string ServerCpu { get; init; } = "0";

    /// <summary>How often everything is measured, in turn.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>Rounds before those, not counted: until both runtimes have compiled what they will.</summary>
    public int WarmUps { get; init; } = 3;

    /// <summary>Documents of the owner who has many.</summary>
    public int Documents { get; init; } = 10_000;

    /// <summary>Connects in one round. They stay open until it ends.</summary>
    public int Connects { get; init; } = 3_000;

    /// <summary>Callers at the same time, of connects and of requests.</summary>
    public int Parallel { get; init; } = 20;

    /// <summary>Only loads whose title contains this, to look at them with a profiler.</summary>
    public string Only { get; init; } = "";

    /// <exception cref="ArgumentException">Something is missing or not a number.</exception>
    public static LoadOptions Parse(string[] arguments)
    {
        Dictionary<string, string> values = new(StringComparer.Ordinal);
        foreach (string argument in arguments)
        {
            int equals = argument.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || !values.TryAdd(argument[..equals], argument[(equals + 1)..])) throw new ArgumentException($"{argument}: name=value, each once");
        }

        LoadOptions options = new() { Server = Take("server") ?? throw new ArgumentException("server=<the published ratatoskr> is missing") };
        options = options with
        {
            Reference = Take("reference"),
            Only = Take("only") ?? options.Only,
            ServerCpu = Take("cpu") ?? options.ServerCpu,
            Rounds = Number("rounds", options.Rounds),
            WarmUps = Number("warmups", options.WarmUps),
            Documents = Number("documents", options.Documents),
            Connects = Number("connects", options.Connects),
            Parallel = Number("parallel", options.Parallel),
        };
        return values.Count == 0 ? options : throw new ArgumentException($"{values.Keys.First()}: no such option");

        string? Take(string name) => values.Remove(name, out string? value) ? value : null;

        int Number(string name, int otherwise) => Take(name) is not { } text ? otherwise
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0 ? number
            : throw new ArgumentException($"{name}: a whole number from 1");
    }
}
