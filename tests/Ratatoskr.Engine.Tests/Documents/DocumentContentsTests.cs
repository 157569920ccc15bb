using Automerge.Changes;
using Automerge.Documents;
using Automerge.Values;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Documents;

/// <summary>The API reads what is committed, and writes as a peer does.</summary>
public sealed class DocumentContentsTests
{
    private static readonly DocumentId s_id = TestServer.Document("content");
    private static readonly Principal s_author = new("oidc:author");
    private static readonly ActorId s_actor = ActorId.Parse("abcd");

    [Fact]
    public async Task Change_reaches_open_peers_and_is_answered_after_the_commit()
    {
        using TestServer server = new(manualCommit: true);
        TestPeer reader = server.Connect("reader");
        reader.Open(s_id);
        server.Settle();
        Task<Submission> submitted = Submit(server, MakeChange(out ChangeHash hash), hash, null);
        server.Settle();
        Assert.True(reader[s_id].Graph.Contains(hash));
        Assert.False(submitted.IsCompleted);
        server.Commit();
        Assert.Equal(SubmissionResult.Stored, (await submitted).Result);
        Assert.Equal([hash], server.StoredChanges(s_id));
    }

    [Fact]
    public async Task Change_for_other_heads_is_not_taken()
    {
        using TestServer server = new();
        Assert.Equal(SubmissionResult.Stored, (await Submit(server, MakeChange(out ChangeHash first), first, [])).Result);
        byte[] second = MakeChange(out ChangeHash hash, "other");
        Assert.Equal(SubmissionResult.Moved, (await Submit(server, second, hash, [])).Result);
        Assert.Equal([first], server.StoredChanges(s_id));
        Assert.Equal(SubmissionResult.Stored, (await Submit(server, second, hash, [first])).Result);
    }

    [Fact]
    public async Task Change_that_is_there_already_is_stored_whatever_the_heads()
    {
        using TestServer server = new();
        byte[] change = MakeChange(out ChangeHash hash);
        await Submit(server, change, hash, []);
        Assert.Equal(SubmissionResult.Stored, (await Submit(server, change, hash, [])).Result);
    }

    [Theory]
    [InlineData(Permission.Read)]
    [InlineData(Permission.None)]
    public async Task Author_without_permission_is_refused_and_nothing_is_stored(Permission permission)
    {
        using TestServer server = new();
        server.Access.Set(s_author.Id, s_id, permission);
        Submission refused = await Submit(server, MakeChange(out ChangeHash hash), hash, null);
        Assert.Equal((SubmissionResult.Refused, "permission_denied"), (refused.Result, refused.Error));
        Assert.Empty(server.StoredChanges(s_id));
    }

    [Fact]
    public async Task Damaged_change_is_refused_with_a_reason()
    {
        using TestServer server = new();
        byte[] change = MakeChange(out ChangeHash hash);
        change[^1] ^= 1;
        Submission refused = await Submit(server, change, hash, null);
        Assert.Equal((SubmissionResult.Refused, "invalid_change"), (refused.Result, refused.Error));
        Assert.NotEmpty(refused.Message);
    }

    [Fact]
    public async Task Large_change_is_taken_by_a_worker()
    {
        using TestServer server = new(new EngineLimits { InlineOperationsMax = 10 });
        byte[] change = MakeChange(out ChangeHash hash, new string('x', 1_000));
        Task<Submission> submitted = Submit(server, change, hash, []);
        server.Settle();
        Assert.Equal(SubmissionResult.Stored, (await submitted).Result);
    }

    [Fact]
    public async Task Open_gives_what_is_committed_and_nothing_else()
    {
        using TestServer server = new(manualCommit: true);
        TestPeer writer = server.Connect("writer");
        writer.Open(s_id);
        writer.Edit(s_id);
        server.Settle();
        Assert.Equal(0, await Open(server, document => document.ChangeCount));
        server.Commit();
        Assert.Equal(writer[s_id].Graph.Heads.ToArray(), await Open(server, document => document.Heads));
    }

    [Fact]
    public async Task Sessions_of_requests_leave_nothing_behind()
    {
        using TestServer server = new();
        await Submit(server, MakeChange(out ChangeHash hash), hash, null);
        server.Tick(120);
        Assert.Null(server.Engine.ContentOf(s_id));
        Assert.Equal(0, server.Engine.SessionCount);
    }

    private static Task<Submission> Submit(TestServer server, byte[] change, ChangeHash hash, ChangeHash[]? onlyIfHeads)
    {
        Task<Submission> submitted = server.Engine.Contents.SubmitAsync(s_id, s_author, change, hash, onlyIfHeads, CancellationToken.None);
        server.Scheduler.RunAll();
        return submitted;
    }

    private static Task<T> Open<T>(TestServer server, Func<Document, T> use) => server.Engine.Contents.OpenAsync(s_id, s_actor, use, CancellationToken.None);

    private static byte[] MakeChange(out ChangeHash hash, string text = "text")
    {
        Document document = new(ActorId.Parse(Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(text[..4]))));
        using Transaction edit = document.Begin();
        edit.SpliceText(edit.PutObject(ObjectId.Root, "text", ObjectKind.Text), 0, 0, text);
        hash = edit.Commit()!.Value;
        return document.ChangeByHash(hash).ToArray();
    }
}
