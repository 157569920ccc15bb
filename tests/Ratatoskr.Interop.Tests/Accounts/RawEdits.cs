using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;

namespace Ratatoskr.Interop.Tests.Accounts;

/// <summary>What tests of access do with a raw peer and a chain of changes.</summary>
internal static class RawEdits
{
    /// <summary>A chain of changes by an actor of its own.</summary>
    public static async Task<ChangeStream> MakeAsync(Stage stage, int count = 1) =>
        await ChangeStream.MakeAsync(await stage.ClientsAsync(Versions.Current), Guid.NewGuid().ToString("N"), count);

    /// <summary>Sends one change and waits for nothing.</summary>
    public static Task SendEditAsync(this RawPeer peer, string document, ChangeStream edits, int index, string type = "sync") =>
        peer.SendAsync(Frame.Document(type, peer.PeerId, peer.ServerId, document,
            new SyncMessage { Heads = [edits.Hashes[index]], LastSync = [], Changes = [edits.Chunks[index]] }.Encode()));

    /// <summary>Sends one change and waits until it is on disk.</summary>
    public static async Task StoreAsync(this RawPeer peer, string document, ChangeStream edits, int index)
    {
        await peer.SendEditAsync(document, edits, index);
        await peer.NextSyncAsync(document, sync => sync.Heads.Contains(edits.Hashes[index]));
    }

    /// <summary>The next error; other frames are passed over.</summary>
    /// <returns>Its code and message.</returns>
    public static async Task<(string? Error, string? Message)> NextErrorAsync(this RawPeer peer)
    {
        Frame frame = await peer.NextAsync("error");
        return (frame.Error, frame.Message);
    }

    /// <summary>Opens a document that has content.</summary>
    public static async Task OpenAsync(this RawPeer peer, string document)
    {
        await peer.RequestAsync(document);
        await peer.NextSyncAsync(document);
    }
}
