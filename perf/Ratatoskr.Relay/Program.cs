// What the engine, validation and the disk cost beside the bare transport (docs/performance.md, "Beside an echo").
//
//   taskset -c 1 dotnet run -c Release --project perf/Ratatoskr.Relay -- /tmp/ratatoskr/ratatoskr [rounds=200]
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

if (args.Length == 0)
{
    Console.Error.WriteLine("usage: Ratatoskr.Relay <server> [rounds=N]");
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
