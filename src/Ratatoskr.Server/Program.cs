using Ratatoskr.Server;
using Ratatoskr.Server.Composition;

WorkThreads.Prepare();
return await ServerProcess.RunAsync(args, Environment.GetEnvironmentVariable, static options => new EngineHost(options), Console.Out, Console.Error).ConfigureAwait(false);
