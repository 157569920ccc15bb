using Ratatoskr.Storage.Tests;
using Ratatoskr.Storage.Tests.Faster;
using Ratatoskr.Storage.Tests.Sqlite;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

if (Environment.GetEnvironmentVariable(CrashChild.Variable) is { Length: > 0 } folder)
{
    await CrashChild.RunAsync(folder);
    return 1;
}

if (Environment.GetEnvironmentVariable(AccountCrashChild.Variable) is { Length: > 0 } accounts)
{
    await AccountCrashChild.RunAsync(accounts);
    return 1;
}

if (Environment.GetEnvironmentVariable(AccountFigures.Variable) is { Length: > 0 })
{
    await AccountFigures.RunAsync();
    return 0;
}

// What xunit would have generated.
return args.Any(arg => arg is "-automated" or "@@")
    ? await ConsoleRunner.Run(args)
    : await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
