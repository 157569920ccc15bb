using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>Which server an attack is for.</summary>
internal enum Victim
{
    /// <summary>Whoever knows a document's id may read and write.</summary>
    Open,

    /// <summary>People sign in; limits by address and user count.</summary>
    Accounts,

    /// <summary>The same with a provider that does not answer.</summary>
    Provider,

    /// <summary>The same behind TLS, so with HTTP/2.</summary>
    Tls,
}

/// <summary>Whom an attack meets, and how hard it hits.</summary>
/// <param name="Server">To be attacked.</param>
/// <param name="Token">Somebody's, where people sign in; null in open mode.</param>
/// <param name="Full">The sizes of the issue; else those that a test run can afford.</param>
internal sealed record Target(TestServer Server, string? Token, bool Full)
{
    public int Port => Server.Port;

    /// <summary>A number of the issue, or what stands for it in a test run.</summary>
    public int Size(int full, int small) => Full ? full : small;
}

/// <summary>Something that hurts. Runs on one thread until the server has decided, and says how.</summary>
/// <param name="Name">As the table names it.</param>
/// <param name="Victim">Which server it is for.</param>
/// <param name="Counter">The line of <c>/metrics</c>, or how it begins, that counts the decision; null: Kestrel makes it, and counts none.</param>
/// <param name="Run">Attacks, asserts how the server ended it, and returns that in words.</param>
internal sealed record Attack(string Name, Victim Victim, string? Counter, Func<Target, string> Run)
{
    /// <summary>The end of it, on a thread that gives way to the honest peers' threads: what they measure should be the server.</summary>
    public Task<string> StartAsync(Target target) => Task.Factory.StartNew(
        () =>
        {
            ThreadOrder.GiveWay();
            return Run(target);
        },
        TaskCreationOptions.LongRunning);
}
