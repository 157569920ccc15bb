namespace Automerge.Comparison;

/// <summary>A line of the table.</summary>
/// <param name="Title">What is done.</param>
/// <param name="Work">The name of the work, in both engines.</param>
/// <param name="Document">What it is done with.</param>
/// <param name="Times">How often this engine does it in one process.</param>
/// <param name="NodeTimes">How often 3.5.0 does it.</param>
/// <param name="Factor">The ratio to reach; 0: none.</param>
/// <param name="AtMost">What this engine may take, in <paramref name="Unit"/>; 0: no such bound.</param>
/// <param name="Unit">ms, µs or MiB.</param>
internal sealed record Row(string Title, string Work, string Document, int Times, int NodeTimes, double Factor = 0, double AtMost = 0, string Unit = "ms")
{
    public static IReadOnlyList<Row> All { get; } =
    [
        new("load + verify: trace-one", "load", "trace-one", 9, 5, Factor: 2),
        new("load + verify: trace-many", "load", "trace-many", 7, 3, Factor: 2),
        new("load + verify: essay", "load", "essay", 7, 3, Factor: 2),
        new("load + verify: moby-dick", "load", "moby-dick", 7, 3, Factor: 2),
        new("peak memory of that: trace-one", "peak", "trace-one", 1, 1, Factor: 3, Unit: "MiB"),
        new("peak memory of that: trace-many", "peak", "trace-many", 1, 1, Factor: 3, Unit: "MiB"),
        new("peak memory of that: essay", "peak", "essay", 1, 1, Factor: 3, Unit: "MiB"),
        new("peak memory of that: moby-dick", "peak", "moby-dick", 1, 1, Factor: 3, Unit: "MiB"),
        new("memory of trace-many resident", "resident", "trace-many", 1, 1, AtMost: 60, Unit: "MiB"),
        new("build from changes, all at once: trace-many", "build-at-once", "trace-many", 5, 2, Factor: 3),
        new("the same, one at a time, 20,000", "build-one-by-one", "trace-many", 5, 1, Factor: 60),
        new("one-character remote edit, trace-many", "remote-edit", "trace-many", 1000, 60, AtMost: 40, Unit: "µs"),
        new("the same, synced: message received and answered", "synced-edit", "trace-many", 1000, 60, Factor: 1000, Unit: "µs"),
        new("local edit + commit, trace-many", "local-edit", "trace-many", 1000, 300, Unit: "µs"),
        new("the same, 3.5.0 by A.change", "local-edit-js", "trace-many", 1000, 300, Factor: 10, Unit: "µs"),
        new("save after an edit: trace-one", "save", "trace-one", 9, 5, Factor: 1),
        new("save after an edit: trace-many", "save", "trace-many", 9, 5, Factor: 1),
        new("compaction of trace-one + 1,000 changes", "compact", "trace-one", 9, 5, Factor: 4),
        new("the same, hashes of the snapshot at hand", "compact-known", "trace-one", 9, 5, Factor: 4),
        new("text view, cold, from trace-one's bytes", "text-cold", "trace-one", 9, 5, Factor: 2),
        new("replay of 259,778 edits, a transaction each", "replay-each", "-", 1, 1, Factor: 3),
        new("replay of 259,778 edits, one transaction", "replay-one", "-", 1, 1, Factor: 3),
        .. from length in (string[])["10000", "100000", "1000000"]
           from kind in (string[])["local", "remote", "synced"]
           select new Row($"{kind} edit of a text of {length} characters", $"grown-{kind}", $"grown-{length}", 200, 50, Unit: "µs"),
    ];

    public bool IsMemory => Unit == "MiB";

    public double Scaled(double sample) => Unit == "µs" ? 1000 * sample : sample;
}
