using System.Globalization;

namespace Ratatoskr.Blobs;

/// <summary>What to measure, as the command line says it: <c>name=value</c>.</summary>
internal sealed record BlobRunOptions
{
    /// <summary>The published server.</summary>
    public required string Server { get; init; }

    /// <summary>Of the large file, in MiB.</summary>
    public int Size { get; init; } = 1024;

    /// <summary>Chunks under way at a time.</summary>
    public int Chunks { get; init; } = 4;

    /// <summary>How many small files there are.</summary>
    public int Files { get; init; } = 10_000;

    /// <summary>Bytes of a small file.</summary>
    public int FileSize { get; init; } = 10 << 10;

    /// <summary>Small files under way at a time.</summary>
    public int Parallel { get; init; } = 32;

    /// <summary>How often the large file is copied, uploaded and downloaded.</summary>
    public int Rounds { get; init; } = 3;

    /// <summary>Only what a busy document notices, and of that only this; null: everything.</summary>
    public string? Beside { get; init; }

    /// <summary>Niceness of the threads that send and take blobs, 0 to 19: those of a client on another machine would take nothing from this one's documents.</summary>
    public int Niceness { get; init; }

    /// <summary>Milliseconds between two edits of the busy document.</summary>
    public int EditMs { get; init; } = 5;

    /// <exception cref="ArgumentException">Something is missing or not a number.</exception>
    public static BlobRunOptions Parse(string[] arguments)
    {
        Dictionary<string, string> values = new(StringComparer.Ordinal);
        foreach (string argument in arguments)
        {
            int equals = argument.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || !values.TryAdd(argument[..equals], argument[(equals + 1)..])) throw new ArgumentException($"{argument}: name=value, each once");
        }

        BlobRunOptions options = new() { Server = values.Remove("server", out string? server) ? server : throw new ArgumentException("server=<the published ratatoskr> is missing") };
        options = options with
        {
            Beside = values.Remove("beside", out string? beside) ? beside : null,
            Size = Number("size", options.Size),
            Chunks = Number("chunks", options.Chunks),
            Files = Number("files", options.Files),
            FileSize = Number("filesize", options.FileSize),
            Parallel = Number("parallel", options.Parallel),
            Rounds = Number("rounds", options.Rounds),
            Niceness = Number("niceness", options.Niceness),
            EditMs = Number("editms", options.EditMs),
        };
        return values.Count == 0 ? options : throw new ArgumentException($"{values.Keys.First()}: no such option");

        int Number(string name, int otherwise) => !values.Remove(name, out string? text) ? otherwise
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0 ? number
            : throw new ArgumentException($"{name}: a whole number from 1");
    }
}
