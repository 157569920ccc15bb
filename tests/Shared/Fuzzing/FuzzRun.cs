using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace SharedTests.Fuzzing;

/// <summary>
/// Runs the cases of a target. AUTOMERGE_FUZZ_SECONDS says for how long (unset: a fixed number of cases), AUTOMERGE_FUZZ_SEED which seed is the first (1);
/// a failure names its seed, with which it is the first case. Runs on a small stack, so that a recursion that follows the input's nesting ends the process.
/// </summary>
internal static partial class FuzzRun
{
    private const int StackBytes = 256 * 1024;
    private const int FailuresMax = 10;

    // What takes its time by itself does so every time; where forty processes wait for a core, anything may three times in a row.
    private const int AttemptsMax = 10;

    // By hand no case may take more than a second, ten times in a row. On a build server, where anything can be slow, only a case that hangs fails.
    private static readonly int Seconds = FromEnvironment("AUTOMERGE_FUZZ_SECONDS", 0);
    private static readonly TimeSpan CaseMax = TimeSpan.FromSeconds(Seconds > 0 ? 1 : 20);
    private static readonly TimeSpan HangMax = TimeSpan.FromSeconds(60);

    public static readonly int FirstSeed = FromEnvironment("AUTOMERGE_FUZZ_SEED", 1);

    /// <summary>Whether this is the long run by hand.</summary>
    public static bool IsLong => Seconds > 0;

    /// <param name="casesByDefault">Cases when no time is given.</param>
    /// <param name="test">Tries one case: null when the input was taken in, else the words with which it was refused.</param>
    /// <param name="target">What the report calls it.</param>
    /// <param name="isEnough">Ends the run before that.</param>
    public static void Run(int casesByDefault, Func<FuzzCase, string?> test, [System.Runtime.CompilerServices.CallerMemberName] string target = "", Func<bool>? isEnough = null)
    {
        Progress progress = new(target);
        Thread thread = new(() => RunCases(casesByDefault, test, progress, isEnough), StackBytes);
        thread.Start();
        while (!thread.Join(200))
        {
            if (progress.CaseTime < HangMax) continue;
            Assert.Fail($"{target}, seed {progress.Current!.Seed} hangs: {Save(target, progress.Current)}");
        }

        TestContext.Current.TestOutputHelper?.WriteLine(progress.Summary());
        if (IsLong) Console.WriteLine(progress.Summary());
        Assert.True(progress.Failures.Count == 0, string.Join("\n\n", progress.Failures.Values));
    }

    private static void RunCases(int casesByDefault, Func<FuzzCase, string?> test, Progress progress, Func<bool>? isEnough)
    {
        long began = Stopwatch.GetTimestamp();
        for (int number = 0; progress.Failures.Count < FailuresMax; number++)
        {
            if (isEnough?.Invoke() == true) return;
            if (IsLong ? Stopwatch.GetElapsedTime(began).TotalSeconds >= Seconds : number >= casesByDefault) return;
            for (int attempt = 1; attempt <= AttemptsMax; attempt++)
            {
                FuzzCase one = new(FirstSeed + number);
                try
                {
                    progress.Begin(one);
                    string? refused = test(one);
                    if ((one.Slowest > CaseMax || one.MemoryShare > 1) && attempt < AttemptsMax) continue;
                    Assert.True(one.Slowest <= CaseMax, $"takes {one.Slowest.TotalMilliseconds} ms");
                    Assert.True(one.MemoryShare <= 1, $"takes {one.MemoryShare:0.0} times the memory that it may");
                    progress.End(one, refused);
                }
                catch (Exception exception)
                {
                    progress.Fail(one, exception);
                }

                break;
            }
        }
    }

    private static string Save(string target, FuzzCase failed)
    {
        string path = Path.Combine(Path.GetTempPath(), $"{target}-{failed.Seed}.bin");
        File.WriteAllBytes(path, failed.Input);
        return path;
    }

    public static int FromEnvironment(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    private sealed partial class Progress(string target)
    {
        private readonly Dictionary<string, int> _refusals = [];
        private readonly SortedDictionary<string, long> _notes = new(StringComparer.Ordinal);
        private long _began;
        private int _accepted;
        private int _refused;
        private TimeSpan _slowest;
        private double _memoryShare;
        private long _bytesMost;

        public FuzzCase? Current { get; private set; }

        public TimeSpan CaseTime => Current is null ? TimeSpan.Zero : Stopwatch.GetElapsedTime(Volatile.Read(ref _began));

        public Dictionary<string, string> Failures { get; } = [];

        public void Begin(FuzzCase one)
        {
            Volatile.Write(ref _began, Stopwatch.GetTimestamp());
            Current = one;
        }

        public void End(FuzzCase one, string? refused)
        {
            if (one.Slowest > _slowest) _slowest = one.Slowest;
            _memoryShare = Math.Max(_memoryShare, one.MemoryShare);
            _bytesMost = Math.Max(_bytesMost, one.BytesMost);
            foreach ((string what, long count) in one.Notes) _notes[what] = _notes.GetValueOrDefault(what) + count;
            if (refused is null)
            {
                _accepted++;
                return;
            }

            Assert.True(refused.Length > 5, "a refusal that says nothing");
            _refused++;
            string kind = Changing().Replace(refused, "#");
            _refusals[kind] = _refusals.GetValueOrDefault(kind) + 1;
        }

        // Of failures that look the same the first one is shown.
        public void Fail(FuzzCase failed, Exception exception)
        {
            string place = exception.StackTrace?.Split('\n').FirstOrDefault(line => (line.Contains("at Automerge.", StringComparison.Ordinal) || line.Contains("at Ratatoskr.", StringComparison.Ordinal)) && !line.Contains("Tests", StringComparison.Ordinal)) ?? "";
            string kind = exception.GetType().Name + (place.Length > 0 ? place : Changing().Replace(exception.Message, "#"));
            if (Failures.ContainsKey(kind)) return;
            Failures[kind] = $"{target}, seed {failed.Seed} ({Save(target, failed)}): {exception}\n{failed.Describe?.Invoke()}";
        }

        public string Summary()
        {
            IEnumerable<string> reasons = _refusals.OrderByDescending(reason => reason.Value).Take(IsLong ? 60 : 10).Select(reason => $"  {reason.Value,8}  {reason.Key}");
            IEnumerable<string> notes = _notes.Select(note => $"  {note.Value,8}  {note.Key}");
            return $"{target}: {_accepted + _refused} cases from seed {FirstSeed}, {_accepted} accepted, {_refused} refused for {_refusals.Count} reasons; "
                + $"slowest call {_slowest.TotalMilliseconds:0} ms, memory of a call at most {_bytesMost >> 10} KiB and {100 * _memoryShare:0} % of what is allowed, of the process {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB\n{string.Join('\n', reasons.Concat(notes))}";
        }

        [GeneratedRegex("[0-9a-f]{64}|[0-9]+")]
        private static partial Regex Changing();
    }
}
