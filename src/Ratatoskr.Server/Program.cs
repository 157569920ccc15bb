using Ratatoskr.Server;
using Ratatoskr.Server.Composition;

return await ServerProcess.RunAsync(args, Environment.GetEnvironmentVariable, static _ => new NoEngine(), Console.Out, Console.Error).ConfigureAwait(false);
