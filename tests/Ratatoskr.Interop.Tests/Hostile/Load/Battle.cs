using Ratatoskr.Interop.Tests.Accounts;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>A server under watch, and an honest pair of peers that work on it.</summary>
internal sealed class Battle : IAsyncDisposable
{
    /// <summary>The least that can be set: what leaks shows soonest.</summary>
    public const int BudgetMb = 64;

    /// <summary>
    /// What such a server's process may hold: documents, and as much again of what is kept of peers; messages that arrive (320 MiB) and wait; and
    /// the runtime's own, which keeps what was let go for a while.
    /// </summary>
    public const long ResidentMax = (2L * BudgetMb + 512) << 20;

    private Battle(Target target, IHonestPair pair, ServerMemory memory) => (Target, Pair, Memory) = (target, pair, memory);

    public Target Target { get; }

    public IHonestPair Pair { get; }

    public ServerMemory Memory { get; }

    public static async Task<Battle> BeginAsync(Victim victim, TimeSpan gap, bool full, Func<Meeting, IHonestPair> startPair)
    {
        Dictionary<string, string> settings = new() { ["MEMORY_BUDGET_MB"] = $"{BudgetMb}" };
        if (victim != Victim.Open) settings["ACCESS_MODE"] = "accounts";
        TestServer server = await TestServer.StartAsync(settings);
        try
        {
            string? token = null, document = null;
            if (victim != Victim.Open)
            {
                using SignedInUser user = await SignedInUser.SignInAsync(server, "honest");
                (token, _) = await user.Rest.CreateTokenAsync(null);
                document = await user.Rest.CreateAsync();
            }

            // People sign in at the development provider, which there is over plain HTTP and without another only.
            if (victim is Victim.Tls or Victim.Provider)
            {
                await server.StopAsync();
                if (victim == Victim.Tls) (settings["TLS_CERT"], settings["TLS_KEY"]) = TlsTrust.WriteTo(server.DataFolder);
                else (settings["OIDC_ISSUER"], settings["OIDC_CLIENT_ID"]) = ("http://127.0.0.1:9", "nobody");
                await server.StartAgainAsync();
            }

            IHonestPair pair = startPair(new Meeting(server.Port, server.UsesTls, gap, token, document ?? DocumentIds.New()));
            pair.UntilReceived(20);
            return new Battle(new Target(server, token, full), pair, new ServerMemory(server));
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Pair.Dispose();
        Memory.Dispose();
        await Target.Server.DisposeAsync();
    }
}
