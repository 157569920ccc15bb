// What blobs cost beside plain files, and what a busy document notices of them (docs/performance.md, "Blobs").
//
//   dotnet run -c Release --project perf/Ratatoskr.Blobs -- server=/tmp/ratatoskr/ratatoskr [size=1024] [files=10000] [rounds=3] [beside=upload]
//
// Everything lies in one temporary folder (TMPDIR says where), so on one disk; client and server share all cores, as the yardstick has them.
// The large file is in the page cache for copies and uploads alike; each round gives it another hash.

using System.Diagnostics;
using System.Globalization;
using Ratatoskr.Blobs;
using Ratatoskr.Load;

BlobRunOptions options;
try
{
    options = BlobRunOptions.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

const int EditsMax = 60_000;
const int AloneMs = 4_000;
string folder = Directory.CreateTempSubdirectory("ratatoskr-blobs-").FullName;
string large = Path.Combine(folder, "large"), copy = Path.Combine(folder, "copy");
try
{
    PlainFiles.Make(large, (long)options.Size << 20);
    using ServerUnderLoad server = ServerUnderLoad.Start(
        options.Server,
        $"0-{Environment.ProcessorCount - 1}",
        ("DEFAULT_MAX_BLOB_STORAGE", "1099511627776"),
        ("DEFAULT_MAX_BLOB_SIZE", "1099511627776"),
        ("AUTH_RATE_LIMIT_BANDWIDTH", "0"));
    Account account = await Account.CreateAsync(server.Port, "blobs", 1);
    Transfers transfers = new(server.Port, account.Token, options);
    if (options.Beside is null) Measure(server, transfers);
    MeasureWhileBusy(server, account, transfers);
    return 0;
}
finally
{
    Directory.Delete(folder, recursive: true);
}

// Speed and memory, with nothing beside it.
void Measure(ServerUnderLoad server, Transfers transfers)
{
    List<double> copies = [], uploads = [], completions = [], drains = [], downloads = [], plain = [], small = [];
    server.WaitUntilIdle();
    (long before, _) = server.Memory;
    server.ForgetPeakOfMemory();
    for (int round = 0; round < options.Rounds; round++)
    {
        PlainFiles.Mark(large, round);
        copies.Add(Seconds(() => PlainFiles.CopyAndHash(large, copy)));
        string hash = "";
        double completion = 0;
        uploads.Add(Seconds(() => hash = transfers.Upload(large, out completion)));
        completions.Add(completion);
        drains.Add(Seconds(() => transfers.Drain(hash)));
        downloads.Add(Seconds(() => transfers.Download(hash, copy)));
    }

    long peak = server.Memory.Peak;
    for (int round = 0; round < options.Rounds; round++)
    {
        string files = Path.Combine(folder, $"files-{round}");
        plain.Add(Seconds(() => PlainFiles.WriteSyncRename(files, options.Files, i => SmallFile(round, i))));
        Directory.Delete(files, recursive: true);
        small.Add(Seconds(() => transfers.UploadSmall(options.Files, i => SmallFile(round, i))));
    }

    double mebibytes = options.Size;
    Console.WriteLine($"| {options.Size:N0} MiB, {options.Rounds} rounds, median | MiB/s | of the copy | to reach |");
    Console.WriteLine("|---|---|---|---|");
    double yardstick = mebibytes / Median(copies);
    Row("plain copy + SHA-256, synced", yardstick, yardstick, "");
    Row(Invariant($"upload (of {Median(uploads):0.00} s to complete {Median(completions):0.00})"), mebibytes / Median(uploads), yardstick, "0.60");
    Row("download, thrown away", mebibytes / Median(drains), yardstick, "0.60");
    Row("download, hashed, written, synced", mebibytes / Median(downloads), yardstick, "0.60");
    Console.WriteLine();
    Console.WriteLine(Invariant($"Memory of the server: {before >> 20} MiB before, {peak >> 20} MiB at most: grown by {(peak - before) / 1048576.0:0.0} MiB (less than 32)"));
    Console.WriteLine();
    Console.WriteLine($"| {options.Files:N0} files of {options.FileSize:N0} bytes | files/s | of the loop | to reach |");
    Console.WriteLine("|---|---|---|---|");
    yardstick = options.Files / Median(plain);
    Row("write, sync, rename; one after the other", yardstick, yardstick, "");
    Row($"one request each, {options.Parallel} at a time", options.Files / Median(small), yardstick, "0.33");
    Console.WriteLine();
}

// The same once more, beside a document that is edited all the time; a plain copy does to it what this disk and these cores do anyway.
void MeasureWhileBusy(ServerUnderLoad server, Account account, Transfers transfers)
{
    using BusyDocument document = new(server.Port, account.Token, account.Documents[0], options.EditMs, EditsMax);
    List<(string Title, Latency Took)> rows = [];
    Thread.Sleep(AloneMs);
    for (int round = 0; round < options.Rounds; round++)
    {
        string hash = "", files = Path.Combine(folder, "files");
        int mark = options.Rounds + round;
        PlainFiles.Mark(large, mark);
        Edits("alone", () => Thread.Sleep(AloneMs));
        Edits("beside a plain copy + SHA-256", () => PlainFiles.CopyAndHash(large, copy));
        Edits("beside an upload", () => hash = transfers.Upload(large, out _));
        Edits("beside a download", () => transfers.Drain(hash));
        Edits("beside write, sync, rename of small files", () => PlainFiles.WriteSyncRename(files, options.Files, i => SmallFile(mark, i)));
        if (Directory.Exists(files)) Directory.Delete(files, recursive: true);
        Edits("beside small uploads", () => transfers.UploadSmall(options.Files, i => SmallFile(mark, i)));
    }

    Console.WriteLine("| an edit, ms (against alone) | edits | to the reader p50 | p99 | acknowledged p50 | p99 |");
    Console.WriteLine("|---|---|---|---|---|---|");
    Latency? alone = null;
    foreach (IGrouping<string, (string Title, Latency Took)> row in rows.GroupBy(row => row.Title))
    {
        Latency took = Latency.Together(row.Select(part => part.Took));
        alone ??= took;
        Console.WriteLine(
            $"| {row.Key} | {took.Read.Length} | {At(took.Read, alone.Read, 50)} | {At(took.Read, alone.Read, 99)} | {At(took.Acknowledged, alone.Acknowledged, 50)} | {At(took.Acknowledged, alone.Acknowledged, 99)} |");
    }

    void Edits(string title, Action work)
    {
        if (options.Beside is { } only && !title.EndsWith(only, StringComparison.Ordinal) && title != "alone") return;
        server.WaitUntilIdle();
        document.Begin();
        work();
        rows.Add((title, document.End()));
    }

    static string At(double[] times, double[] alone, int percent) => Invariant($"{Latency.At(times, percent):0.00} ({Latency.At(times, percent) / Latency.At(alone, percent):0.00})");
}

byte[] SmallFile(int round, int number)
{
    byte[] bytes = new byte[options.FileSize];
    new Random(HashCode.Combine(round, number)).NextBytes(bytes);
    return bytes;
}

static void Row(string title, double speed, double yardstick, string atLeast) => Console.WriteLine(Invariant($"| {title} | {speed:N0} | {speed / yardstick:0.00} | {atLeast} |"));

static double Seconds(Action work)
{
    long started = Stopwatch.GetTimestamp();
    work();
    return Stopwatch.GetElapsedTime(started).TotalSeconds;
}

static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
