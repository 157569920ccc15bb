using Ratatoskr.Engine.Limits;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>A server over a store whose loads can be watched and held.</summary>
internal sealed class HookedServer : IDisposable
{
    public HookedServer(EngineLimits limits)
    {
        InMemoryChunkStore kept = new();
        Store = new HookedStore(kept);
        Inner = new TestServer(limits, store: Store, kept: kept);
    }

    public HookedStore Store { get; }

    public TestServer Inner { get; }

    public TestPeer Connect(string name, bool speaksV1Only = false, string? storageId = null) => Inner.Connect(name, speaksV1Only, storageId);

    public TestPeer Connect(TestPeer peer) => Inner.Connect(peer);

    public void Settle() => Inner.Settle();

    public void Dispose() => Inner.Dispose();
}
