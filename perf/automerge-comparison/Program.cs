// Automerge.Net beside npm @automerge/automerge 3.5.0 (WASM in Node), doing the same work in turn.
//
//   dotnet run -c Release --project perf/automerge-comparison -- [rounds=N] [words]
//
// Only rows whose title contains one of the words. AUTOMERGE_VECTORS names the folder with the third-party documents
// (default: ../shared/vectors beside the repository). Every figure is the median of the samples of all rounds; each round is
// a fresh process of either engine, one after the other. Times are of a warm process, memory of a fresh one. With
// COMPARISON_CLOCK=cpu times are CPU times, which say more when the machine has other work to do.

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Automerge.Comparison;

if (args is ["--work", string work, string document, string times])
{
    Console.WriteLine(JsonSerializer.Serialize(Works.Do(work, document, int.Parse(times, CultureInfo.InvariantCulture))));
    return 0;
}

string repository = FindRepository();
string node = Path.Combine(repository, "perf", "automerge-comparison", "node");
if (!Directory.Exists(Path.Combine(node, "node_modules"))) Run("npm", ["ci", "--no-audit", "--no-fund"], node);
string inputs = Directory.CreateTempSubdirectory("automerge-comparison-").FullName;
Environment.SetEnvironmentVariable("COMPARISON_INPUTS", inputs);
if (Environment.GetEnvironmentVariable("AUTOMERGE_VECTORS") is null) Environment.SetEnvironmentVariable("AUTOMERGE_VECTORS", Path.GetFullPath(Path.Combine(repository, "..", "shared", "vectors")));

int rounds = args.FirstOrDefault(arg => arg.StartsWith("rounds=", StringComparison.Ordinal)) is { } said ? int.Parse(said[7..], CultureInfo.InvariantCulture) : 3;
string[] words = [.. args.Where(arg => !arg.Contains('=', StringComparison.Ordinal))];
try
{
    Run("node", ["prepare.mjs"], node);
    Console.WriteLine("| work | 3.5.0 WASM | Automerge.Net | ratio | to reach | met |");
    Console.WriteLine("|---|---|---|---|---|---|");
    foreach (Row row in Row.All.Where(row => words.Length == 0 || words.Any(word => row.Title.Contains(word, StringComparison.OrdinalIgnoreCase))))
    {
        List<double> theirs = [], ours = [];
        for (int round = 0; round < rounds; round++)
        {
            // What takes a minute is done once.
            if (round == 0 || row.NodeTimes > 1 || row.IsMemory) theirs.AddRange(Sample("node", ["--expose-gc", "run.mjs", row.Work, row.Document, Text(row.NodeTimes)]));
            ours.AddRange(Sample(Environment.ProcessPath!, ["--work", row.Work, row.Document, Text(row.Times)]));
        }

        Console.WriteLine(Line(row, row.Scaled(Samples.Median(theirs)), row.Scaled(Samples.Median(ours))));
    }

    return 0;
}
finally
{
    Directory.Delete(inputs, recursive: true);
}

double[] Sample(string program, string[] arguments) => JsonSerializer.Deserialize<double[]>(Run(program, arguments, node).Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1])!;

static string Run(string program, string[] arguments, string folder)
{
    ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, WorkingDirectory = folder };
    using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
    string output = process.StandardOutput.ReadToEnd();
    process.WaitForExit();
    return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} failed");
}

static string Line(Row row, double theirs, double ours)
{
    double ratio = theirs / ours;
    string goal = row.AtMost > 0 ? $"at most {row.AtMost:0} {row.Unit}" : row.Factor > 0 ? $"{row.Factor:0}×" : "";
    string met = goal.Length == 0 ? "" : (row.AtMost > 0 ? ours <= row.AtMost : ratio >= row.Factor) ? "yes" : "no";
    return string.Create(CultureInfo.InvariantCulture, $"| {row.Title} | {Rounded(theirs)} {row.Unit} | {Rounded(ours)} {row.Unit} | {Rounded(ratio)}× | {goal} | {met} |");
}

static string Rounded(double value) => value.ToString(value >= 100 ? "#,0" : value >= 10 ? "0.0" : "0.00", CultureInfo.InvariantCulture);

static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

static string FindRepository()
{
    DirectoryInfo? folder = new(AppContext.BaseDirectory);
    while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ratatoskr.sln"))) folder = folder.Parent;
    return folder?.FullName ?? throw new InvalidOperationException("Ratatoskr.sln not found above the program");
}
