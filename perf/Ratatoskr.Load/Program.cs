// Connects and requests a server can take: ours beside the reference server, and ours with itself (docs/performance.md, "Accounts").
//
//   taskset -c 1 dotnet run -c Release --project perf/Ratatoskr.Load -- server=/tmp/ratatoskr/ratatoskr "reference=node reference-server.mjs" [rounds=5]
//
// Servers run on core 0 at the same time, each measured while the others do nothing; loads follow each other in turn, so that what
// else the machine does meets all of them. Every figure is the median of the rounds; those before them warm and are not counted.

using System.Globalization;
using Ratatoskr.Load;

// A connection of each of the parallel callers is what HTTP costs; one alone is how long an answer takes.
const int Requests = 20_000;
const int LongRequests = 1_000;

LoadOptions options;
try
{
    options = LoadOptions.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

using ServerUnderLoad ours = ServerUnderLoad.Start(
    options.Server,
    options.ServerCpu,
    ("AUTH_RATE_LIMIT_CONNECTIONS", "0"),
    ("AUTH_RATE_LIMIT_DOCUMENTS", "0"),
    ("DEFAULT_MAX_DOCUMENTS", "1000000"));
using ServerUnderLoad? reference = options.Reference is { } command ? ServerUnderLoad.Start(command, options.ServerCpu) : null;
Account few = await Account.CreateAsync(ours.Port, "few", 1);
Account many = await Account.CreateAsync(ours.Port, "many", options.Documents);

List<Load> loads = [];
List<Line> lines = [];
HandshakeLoad token = Add(new HandshakeLoad("connect + auth, API token", ours, options, few.Token));
HandshakeLoad session = Add(new HandshakeLoad("connect + auth, session", ours, options, few.Session));
HandshakeLoad owner = Add(new HandshakeLoad($"connect + auth, owner of {options.Documents:N0}", ours, options, many.Token));
if (reference is not null)
{
    HandshakeLoad join = Add(new HandshakeLoad("connect, reference server", reference, options, null));
    lines.Add(Line.Faster("handshakes/s with an API token, against the reference", token, join, 3));
    lines.Add(Line.Faster("handshakes/s with a session, against the reference", session, join, 3));
}

lines.Add(Line.Faster($"handshakes/s of an owner of {options.Documents:N0}, against one of 1", owner, token, 0.9));

string[] paths = [.. many.Documents.Select(id => $"/api/v1/documents/{id}")];
RequestLoad health = Add(new RequestLoad("GET /health", ours, options.Parallel, Requests, null, "/health"));
RequestLoad document = Add(new RequestLoad("GET document", ours, options.Parallel, Requests, many.Token, paths));
lines.Add(Line.Faster("GET document, requests/s against /health", document, health, 0.5));

RequestLoad alone = Add(new RequestLoad("GET document, one at a time", ours, 1, Requests / 4, many.Token, paths));
foreach ((string query, int operations) in ((string, int)[])[("?limit=50", Requests / 4), ("", LongRequests)])
{
    RequestLoad page = Add(new RequestLoad($"GET documents{query}, one at a time", ours, 1, operations, many.Token, $"/api/v1/documents{query}"));
    lines.Add(Line.Longer($"GET documents{query} of {options.Documents:N0}, p50 against GET document", page, alone, 3));
}

loads.RemoveAll(load => !load.Title.Contains(options.Only, StringComparison.OrdinalIgnoreCase));
lines.RemoveAll(line => !loads.Contains(line.Subject) || !loads.Contains(line.Yardstick));
for (int round = 0; round < options.WarmUps + options.Rounds; round++)
{
    foreach (Load load in loads) load.Round(counts: round >= options.WarmUps);
}

Console.WriteLine("| load | per second | p50, µs | p99, µs | server CPU each, µs (lowest) | client CPU each, µs | server busy | body, bytes |");
Console.WriteLine("|---|---|---|---|---|---|---|---|");
foreach (Load load in loads)
{
    Measurement m = load.Median;
    string body = load is RequestLoad requests ? requests.BodyLength.ToString("N0", CultureInfo.InvariantCulture) : "";
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"| {load.Title} | {m.PerSecond:N0} | {m.P50:N0} | {m.P99:N0} | {m.ServerCpu:0.0} ({Measurement.LeastServerCpu(load.Rounds):0.0}) | {m.ClientCpu:0.0} | {m.ServerBusy:0.00} | {body} |"));
}

Console.WriteLine();
Console.WriteLine("| line | figure (lowest–highest) | the same by server CPU | to reach | met |");
Console.WriteLine("|---|---|---|---|---|");
foreach (Line line in lines) Console.WriteLine(line);
return 0;

TLoad Add<TLoad>(TLoad load)
    where TLoad : Load
{
    loads.Add(load);
    return load;
}
