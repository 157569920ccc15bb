// What the engine, validation and the disk cost beside the bare transport (docs/performance.md, "Beside an echo").
//
//   taskset -c 1 dotnet run -c Release --project perf/Ratatoskr.Relay -- /tmp/ratatoskr/ratatoskr [rounds=200]
//   dotnet run -c Release --project perf/Ratatoskr.Relay -- shards
//
// Both servers run on core 0, one after the other, the client on core 1: the same frames, the same number of them under way.

using System.Globalization;
using Ratatoskr.Load;
using Ratatoskr.Relay;

if (args is ["echo"])
{
    await EchoServer.RunAsync(int.Parse(Environment.GetEnvironmentVariable("PORT")!, CultureInfo.InvariantCulture));
    return 0;
}

if (args is ["shards"])
{
    // In turn, so that what else the machine does meets both; the median of the pairs.
    const int Pairs = 7, Rounds = 400;
    List<(double One, double Two)> pairs = [];
    for (int i = 0; i <= Pairs; i++)
    {
        (double One, double Two) pair = (await InProcess.EditsPerSecondAsync(1, Rounds), await InProcess.EditsPerSecondAsync(2, Rounds));
        if (i > 0) pairs.Add(pair);                            // the first warms
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"one shard {pair.One:N0} edits/s, two {pair.Two:N0}: {pair.Two / pair.One:0.00}"));
    }

    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"median {pairs.Select(pair => pair.Two / pair.One).Order().ElementAt(Pairs / 2):0.00}"));
    return 0;
}

if (args.Length == 0)
{
    Console.Error.WriteLine("usage: Ratatoskr.Relay <server> [rounds=N], or Ratatoskr.Relay shards");
    return 2;
}

int rounds = args.Length > 1 ? int.Parse(args[1]["rounds=".Length..], CultureInfo.InvariantCulture) : 200;
Console.WriteLine("| load | edits/s | server CPU per edit, µs | server busy |");
Console.WriteLine("|---|---|---|---|");
Measure("echo: each edit goes back", $"{Environment.ProcessPath} echo", server => Run.Echo(server, rounds));
Measure("relay to 1 reader, acknowledged", args[0], server => Run.Relay(server, rounds, 1));
Measure("relay to 10 readers, acknowledged", args[0], server => Run.Relay(server, rounds / 4, 10));
return 0;

static void Measure(string name, string command, Func<ServerUnderLoad, Run.Result> run)
{
    using ServerUnderLoad server = ServerUnderLoad.Start(command, "0", ("ACCESS_MODE", "open"));
    Run.Result result = run(server);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {result.EditsPerSecond:N0} | {result.ServerCpu:0.0} | {result.ServerBusy:0.00} |"));
}
