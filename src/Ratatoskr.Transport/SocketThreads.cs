namespace Ratatoskr.Transport;

/// <summary>Where the runtime runs what a socket has waited for.</summary>
public static class SocketThreads
{
    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>
    /// On the thread that polls the sockets, instead of the pool: at ten messages a second a message costs about half the processor time without
    /// the wake-up of a second thread. HTTP goes to the pool all the same (<see cref="Upgrades.PooledDuplexPipe"/>).
    /// Call it before the process touches a socket; the runtime reads the variable once. Who has set it has decided.
    /// </summary>
    public static void PreferInline()
    {
        if (Environment.GetEnvironmentVariable(InlineCompletions) is null) Environment.SetEnvironmentVariable(InlineCompletions, "1");
    }
}
