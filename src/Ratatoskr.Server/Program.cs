using Ratatoskr.Server;
using Ratatoskr.Server.Composition;
using Ratatoskr.Transport;

SocketThreads.PreferInline();
WorkThreads.Prepare();
return await ServerProcess.RunAsync(args, Environment.GetEnvironmentVariable, static options => new EngineHost(options), Console.Out, Console.Error).ConfigureAwait(false);
