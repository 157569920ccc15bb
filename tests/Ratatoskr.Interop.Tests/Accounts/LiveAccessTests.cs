using System.Net.WebSockets;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Accounts;

/// <summary>What changes access changes it for those who are connected, at once and without a reconnect; when the call has returned it is so.</summary>
public class LiveAccessTests(Stage stage, ITestOutputHelper output)
{
    [Fact]
    public async Task Grant_reaches_a_refused_client_that_is_connected()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using SignedInUser friend = await SignedInUser.NewAsync(server, "friend");
        string id = await DocumentAsync(owner);
        await using JsRepo repo = await OpenAsync(server, friend);
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: friend.Token);
        Assert.Equal("unavailable", (await repo.FindAsync(id)).State);
        await peer.RequestAsync(id);
        await peer.NextAsync("doc-unavailable");

        await owner.Rest.ShareAsync(id, (friend.Id, "read"));

        await peer.NextSyncAsync(id);
        await repo.UntilReadyAsync(id);
    }

    [Fact]
    public async Task Grant_through_a_document_reaches_a_refused_client_that_is_connected_and_so_does_its_end()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using SignedInUser friend = await SignedInUser.NewAsync(server, "friend");
        string group = await owner.Rest.CreateAsync();
        string between = await owner.Rest.CreateAsync(RestClient.Acl((group, "read")));
        string id = await DocumentAsync(owner);
        await owner.Rest.ShareAsync(id, (between, "write"));
        ChangeStream edits = await RawEdits.MakeAsync(stage, 3);
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: friend.Token);
        await peer.RequestAsync(id);
        await peer.NextAsync("doc-unavailable");

        await owner.Rest.ShareAsync(group, (friend.Id, "read"));
        await peer.StoreAsync(id, edits, 0);
        await owner.Rest.ShareAsync(group);
        await peer.SendEditAsync(id, edits, 1);

        Assert.Equal(("permission_denied", "Read access required"), await peer.NextErrorAsync());
        await peer.UntilReadAsync();
        Assert.DoesNotContain(edits.Hashes[1], await owner.Rest.HistoryAsync(id));
    }

    [Fact]
    public async Task Reader_who_may_write_at_last_is_asked_for_what_he_wrote_before()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using SignedInUser friend = await SignedInUser.NewAsync(server, "friend");
        string id = await DocumentAsync(owner);
        await owner.Rest.ShareAsync(id, (friend.Id, "read"));
        await using JsRepo repo = await OpenAsync(server, friend);
        await repo.GetAsync(id);
        Seen mine = await repo.ChangeAsync(id, "d.mine = true");

        await owner.Rest.ShareAsync(id, (friend.Id, "write"));

        await owner.Rest.UntilStoredAsync(id, mine.Heads);
    }

    [Fact]
    public async Task Reader_who_may_read_no_longer_gets_no_further_edit()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using SignedInUser friend = await SignedInUser.NewAsync(server, "friend");
        string id = await DocumentAsync(owner);
        await owner.Rest.ShareAsync(id, (friend.Id, "read"));
        ChangeStream edits = await RawEdits.MakeAsync(stage);
        await using RawPeer writer = await RawPeer.JoinAsync(server.Url, token: owner.Token);
        await using RawPeer reader = await RawPeer.JoinAsync(server.Url, token: friend.Token);
        await reader.OpenAsync(id);

        await owner.Rest.ShareAsync(id);
        await writer.StoreAsync(id, edits, 0);

        List<Frame> told = await reader.UntilReadAsync();
        Assert.Contains(told, frame => frame.Error == "permission_denied" && frame.Message == "Read access required");
        Assert.Contains(told, frame => frame.Type == "doc-unavailable" && frame.DocumentId == id);
        Assert.DoesNotContain(told, frame => frame.Type == "sync" && frame.Sync.Heads.Contains(edits.Hashes[0]));
    }

    [Fact]
    public async Task Document_announced_before_its_registration_syncs_when_it_is_registered()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        await using JsRepo repo = await OpenAsync(server, owner);
        Seen offline = await repo.CreateAsync("{ made: 'offline' }");
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: owner.Token);
        await peer.RequestAsync(offline.DocumentId);
        Assert.Equal(("document_not_found", "Document must be created via API before syncing"), await peer.NextErrorAsync());

        await owner.Rest.CreateAsync($"\"automergeId\":\"{offline.DocumentId}\"");

        await owner.Rest.UntilStoredAsync(offline.DocumentId, offline.Heads);
        Assert.Equal("offline", (string?)(await owner.Rest.ExportAsync(offline.DocumentId))["made"]);
        await peer.NextSyncAsync(offline.DocumentId, sync => sync.Heads.Contains(offline.Heads[0]));
    }

    [Fact]
    public async Task Deletion_is_told_to_open_peers_and_their_edits_do_not_bring_it_back()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string id = await DocumentAsync(owner);
        ChangeStream edits = await RawEdits.MakeAsync(stage, 2);
        await using JsRepo repo = await OpenAsync(server, owner);
        await repo.GetAsync(id);
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: owner.Token);
        await peer.StoreAsync(id, edits, 0);

        (await owner.Rest.DeleteAsync($"/documents/{id}")).Good();

        Assert.Equal("document_not_found", (await peer.NextErrorAsync()).Error);
        Assert.Equal(id, (await peer.NextAsync("doc-unavailable")).DocumentId);
        await peer.SendEditAsync(id, edits, 1);
        await repo.ChangeAsync(id, "d.still = 'here'");
        await peer.UntilReadAsync();
        (await owner.Rest.GetAsync($"/documents/{id}/export")).Refused(404, "not_found");
        await using JsRepo late = await OpenAsync(server, owner);
        Assert.Equal("unavailable", (await late.FindAsync(id)).State);
    }

    [Fact]
    public async Task Expiry_is_told_to_open_peers_at_the_moment()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string id = await DocumentAsync(owner);
        ChangeStream edits = await RawEdits.MakeAsync(stage, 2);
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: owner.Token);
        await peer.StoreAsync(id, edits, 0);

        (await owner.Rest.PutAsync($"/documents/{id}/expiration", $$"""{"expiresAt":"{{DateTimeOffset.UtcNow.AddMilliseconds(300):O}}"}""")).Good();

        Assert.Equal("document_not_found", (await peer.NextErrorAsync()).Error);
        await peer.NextAsync("doc-unavailable");
        await peer.SendEditAsync(id, edits, 1);
        await peer.NextAsync("doc-unavailable");
        (await owner.Rest.GetAsync($"/documents/{id}")).Refused(404, "not_found");
    }

    [Fact]
    public async Task Removed_token_ends_its_connections_when_the_call_returns()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string id = await DocumentAsync(owner);
        (string token, string tokenId) = await owner.Rest.CreateTokenAsync("write");
        ChangeStream edits = await RawEdits.MakeAsync(stage, 2);
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: token);
        await using RawPeer session = await RawPeer.JoinAsync(server.Url, token: owner.Token);
        await peer.StoreAsync(id, edits, 0);

        (await owner.Rest.DeleteAsync($"/auth/api-tokens/{tokenId}")).Good();
        await SendToClosingAsync(peer, id, edits, 1);

        await AssertEndedAsync(peer);
        await session.OpenAsync(id);
        Assert.DoesNotContain(edits.Hashes[1], await owner.Rest.HistoryAsync(id));
        await using RawPeer again = await RawPeer.ConnectAsync(server.Url, from: LoopbackAddresses.Next());
        await again.SendAsync(Frame.Auth(token));
        Assert.Equal("invalid_token", (await again.NextAsync("auth_error")).Error);
    }

    [Fact]
    public async Task Sign_out_ends_the_sessions_connections_when_the_call_returns()
    {
        TestServer server = await stage.AccountsAsync();
        string name = $"owner-{Guid.NewGuid():N}";
        using SignedInUser here = await SignedInUser.SignInAsync(server, name);
        using SignedInUser there = await SignedInUser.SignInAsync(server, name);
        string id = await DocumentAsync(there);
        ChangeStream edits = await RawEdits.MakeAsync(stage, 2);
        await using RawPeer peer = await RawPeer.AuthenticateAsync(server.Url, here.Token);
        await using RawPeer other = await RawPeer.JoinAsync(server.Url, token: there.Token);
        await peer.StoreAsync(id, edits, 0);

        (await here.Rest.PostAsync("/auth/logout", "{}")).Good();
        await SendToClosingAsync(peer, id, edits, 1);

        await AssertEndedAsync(peer);
        await other.OpenAsync(id);
        Assert.DoesNotContain(edits.Hashes[1], await there.Rest.HistoryAsync(id));
    }

    [Fact]
    public async Task Token_that_runs_out_ends_its_connections()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string token = (string)(await owner.Rest.PostAsync(
            "/auth/api-tokens", $$"""{"name":"short","expiresAt":"{{DateTimeOffset.UtcNow.AddMilliseconds(700):O}}"}""")).Good().Json["token"]!;
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: token);

        await AssertEndedAsync(peer);
    }

    /// <summary>
    /// A writer sends as fast as it can, and its permission goes in the midst of it. What it sends once the call has returned is never stored: one chain of edits,
    /// so that what is stored of it is a beginning, and the beginning ends before the first that was sent too late.
    /// </summary>
    [Fact]
    public async Task Revoked_writer_stores_nothing_that_it_sends_after_the_call_has_returned()
    {
        const int Rounds = 60, Edits = 200, Late = 50;
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using SignedInUser writer = await SignedInUser.NewAsync(server, "writer");
        ChangeStream edits = await RawEdits.MakeAsync(stage, Edits);
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: writer.Token);
        int someStored = 0;
        for (int round = 0; round < Rounds; round++)
        {
            string id = await owner.Rest.CreateAsync(RestClient.Acl((writer.Id, "write")));
            int revokeAt = round * 7 % 100;
            TaskCompletionSource revoke = new(TaskCreationOptions.RunContinuationsAsynchronously), revoked = new(TaskCreationOptions.RunContinuationsAsynchronously);
            Task writing = Task.Run(async () =>
            {
                for (int i = 0; i < Edits; i++)
                {
                    if (i == Edits - Late) await revoked.Task;
                    await peer.SendEditAsync(id, edits, i);
                    if (i == revokeAt) revoke.SetResult();
                }
            });

            await revoke.Task;
            await owner.Rest.ShareAsync(id, round % 2 == 0 ? [] : [(writer.Id, "read")]);
            revoked.SetResult();
            await writing;
            await peer.UntilReadAsync();

            int stored = (await owner.Rest.HistoryAsync(id)).Length;
            Assert.InRange(stored, 0, Edits - Late);
            if (stored > 0) someStored++;
        }

        Assert.True(someStored > Rounds / 4, $"In only {someStored} of {Rounds} rounds anything was written before.");
        output.WriteLine($"{Rounds} rounds; in {someStored} something had been stored before the permission went");
    }

    private static async Task<string> DocumentAsync(SignedInUser owner)
    {
        string id = await owner.Rest.CreateAsync();
        (await owner.Rest.PutAsync($"/documents/{id}/content", """{"title":"shared"}""")).Good();
        return id;
    }

    private async Task<JsRepo> OpenAsync(TestServer server, SignedInUser user) =>
        await JsRepo.OpenAsync(await stage.ClientsAsync(Versions.Current), server.SyncUrl, token: user.Token);

    // The server may have closed already.
    private static async Task SendToClosingAsync(RawPeer peer, string id, ChangeStream edits, int index)
    {
        try
        {
            await peer.SendEditAsync(id, edits, index);
        }
        catch (Exception e) when (e is WebSocketException or InvalidOperationException or ObjectDisposedException)
        {
            // as it should
        }
    }

    private static async Task AssertEndedAsync(RawPeer peer)
    {
        Frame told = await peer.NextAsync("auth_error");
        Assert.Equal(("invalid_token", "Invalid or expired token"), (told.Error, told.Message));
        await peer.UntilClosedAsync();
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, peer.CloseStatus);
    }
}
