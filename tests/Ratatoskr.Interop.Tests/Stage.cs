using System.Collections.Concurrent;
using Ratatoskr.Interop.Tests;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Servers;

[assembly: AssemblyFixture(typeof(Stage))]

namespace Ratatoskr.Interop.Tests;

/// <summary>What all tests share: servers that stay up, and one Node process per client version. Both start when first asked for.</summary>
public sealed class Stage : IAsyncLifetime
{
    private readonly ConcurrentDictionary<string, Lazy<Task<TestServer>>> _servers = new();
    private readonly ConcurrentDictionary<string, Lazy<Task<ClientProcess>>> _clients = new();
    private readonly ConcurrentBag<string> _folders = [];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (Lazy<Task<ClientProcess>> client in _clients.Values)
            if (client.Value.IsCompletedSuccessfully) await (await client.Value).DisposeAsync();
        foreach (Lazy<Task<TestServer>> server in _servers.Values)
            if (server.Value.IsCompletedSuccessfully) await (await server.Value).DisposeAsync();
        foreach (string folder in _folders) Directory.Delete(folder, recursive: true);
    }

    /// <summary>A folder for a client's files. It is there until the clients' processes have ended: they still write a little after their repos were closed.</summary>
    internal string NewFolder()
    {
        string folder = Directory.CreateTempSubdirectory("ratatoskr-client-").FullName;
        _folders.Add(folder);
        return folder;
    }

    /// <summary>A server shared by the tests that name it. A test that stops or kills a server starts one of its own.</summary>
    internal async Task<TestServer> ServerAsync(string name = "shared")
    {
        TestServer server = await _servers.GetOrAdd(name, _ => new Lazy<Task<TestServer>>(() => TestServer.StartAsync())).Value;
        Assert.True(server.IsRunning, $"The {name} server has ended:\n{server.Output}");
        return server;
    }

    /// <summary>A server with accounts, shared by the tests that name it.</summary>
    internal async Task<TestServer> AccountsAsync(string name = "accounts")
    {
        TestServer server = await _servers.GetOrAdd(name, _ => new Lazy<Task<TestServer>>(() => TestServer.StartWithAccountsAsync())).Value;
        Assert.True(server.IsRunning, $"The {name} server has ended:\n{server.Output}");
        return server;
    }

    internal Task<ClientProcess> ClientsAsync(string version) =>
        _clients.GetOrAdd(version, name => new Lazy<Task<ClientProcess>>(() => ClientProcess.StartAsync(name))).Value;

    /// <summary>A client of that version, connected to the shared server or to the one given.</summary>
    internal async Task<JsRepo> OpenAsync(
        string version = Versions.Current, TestServer? server = null, string? peerId = null, string? storage = null, string? folder = null, bool gossip = false)
    {
        server ??= await ServerAsync();
        return await JsRepo.OpenAsync(await ClientsAsync(version), server.Url, peerId, storage, folder, gossip);
    }
}
