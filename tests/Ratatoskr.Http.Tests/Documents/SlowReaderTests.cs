using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Values;
using Microsoft.AspNetCore.Http;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Contracts;
using Ratatoskr.Http.Endpoints;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.Documents;

/// <summary>Large answers: what they take while they are made and sent, and what becomes of those who do not take them.</summary>
public sealed class SlowReaderTests
{
    private const string One = "/api/v1/documents/notes";
    private const int Noise = 8 << 20;                 // more than the kernel keeps for a socket

    public static TheoryData<string> LargeAnswers => ["/export?format=json", "/export", "/snapshot?heads=", "/diff?from=initial"];

    [Theory]
    [MemberData(nameof(LargeAnswers))]
    public async Task Reader_that_takes_nothing_is_cut_off_and_what_it_held_is_free(string answer)
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { StallMax = TimeSpan.FromMilliseconds(500) });
        (RestUser alice, string heads) = await OwnerAsync(server);
        using Socket reader = Ask(server, alice, answer.EndsWith('=') ? answer + heads : answer);
        await UntilAsync(() => server.Room.Stalled == 1);
        await UntilAsync(() => server.Room.Bytes == 0);
        (await alice.GetAsync(One + "/export?format=json")).AssertOk();
    }

    [Fact]
    public async Task Answers_never_hold_more_than_the_room()
    {
        const long Max = 2 * Noise;
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { ResponseBytes = Max });
        (RestUser alice, _) = await OwnerAsync(server);
        using Socket slow = Ask(server, alice, "/export?format=json");
        await UntilAsync(() => slow.Available > 0);                  // it is being sent
        Assert.InRange(server.Room.Bytes, Noise / 4, Max);
        RestAnswer second = await alice.GetAsync(One + "/export?format=json");
        second.AssertError(503, "unavailable");
        Assert.Equal("5", second.Headers["Retry-After"]);
        slow.Dispose();
        await UntilAsync(() => server.Room.Bytes == 0);
        (await alice.GetAsync(One + "/export?format=json")).AssertOk();
        await UntilAsync(() => server.Room.Bytes == 0);
    }

    [Fact]
    public async Task Answer_that_grows_beyond_the_room_while_it_is_made_is_given_up()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { ResponseBytes = 1 << 20 });
        RestUser alice = await server.SignInAsync("alice");
        Assert.Equal(200, (await alice.PostAsync("/api/v1/documents", """{"id":"notes"}""")).Status);
        (await alice.PutAsync(One + "/content", $$"""{"text":"{{new string('a', 300_000)}}"}""")).AssertOk();
        DefaultHttpContext other = new();
        using ResponsePlace others = server.Room.Of(other, Principal.Anonymous);
        Assert.True(others.TryExpect(800_000));
        (await alice.GetAsync(One + "/export?format=json")).AssertError(503, "unavailable");
        others.Dispose();
        await UntilAsync(() => server.Room.Bytes == 0);
        Assert.Equal(300_011, (await alice.GetAsync(One + "/export?format=json")).Bytes.Length);
    }

    [Fact]
    public async Task Pieces_are_given_back_as_they_go()
    {
        ResponseRoom room = new(1 << 20, TimeProvider.System, new System.Diagnostics.Metrics.Meter("Ratatoskr.Test"));
        DefaultHttpContext context = new();
        using ResponsePlace place = room.Of(context, Principal.Anonymous);
        List<(int Length, long Held)> writes = [];
        context.Response.Body = new NotingStream(length => writes.Add((length, room.Bytes)));
        using AnswerBody body = new(place);
        byte[] line = RandomNumberGenerator.GetBytes(1000);
        for (int i = 0; i < 500; i++)
        {
            line.CopyTo(body.GetSpan(line.Length));
            body.Advance(line.Length);
        }

        Assert.InRange(room.Bytes, 500_000, 1 << 20);
        await body.SendAsync(context);
        Assert.Equal(500_000, writes.Sum(write => write.Length));
        Assert.All(writes, write => Assert.InRange(write.Length, 1, 32 << 10));
        Assert.Equal(writes.Select(write => write.Held).OrderDescending(), writes.Select(write => write.Held));
        Assert.InRange(writes[^1].Held, 0, 128 << 10);
        place.Dispose();
        Assert.Equal(0, room.Bytes);
    }

    [Fact]
    public void One_user_does_not_get_all_of_the_room()
    {
        ResponseRoom room = new(1 << 20, TimeProvider.System, new System.Diagnostics.Metrics.Meter("Ratatoskr.Test"));
        Principal greedy = new("greedy"), modest = new("modest");
        Assert.True(room.Of(new DefaultHttpContext(), greedy).TryExpect(500_000));       // one answer, of any size
        Assert.False(room.Of(new DefaultHttpContext(), greedy).TryExpect(10_000));
        Assert.True(room.Of(new DefaultHttpContext(), modest).TryExpect(100_000));
        Assert.True(room.Of(new DefaultHttpContext(), greedy).TryExpect(1_000));
    }

    private static async Task<(RestUser Owner, string Heads)> OwnerAsync(RestServer server)
    {
        RestUser alice = await server.SignInAsync("alice");
        Assert.Equal(200, (await alice.PostAsync("/api/v1/documents", """{"id":"notes"}""")).Status);
        return (alice, await FillAsync(server, alice));
    }

    // By a peer's way: as JSON it would be an operation for each character.
    private static async Task<string> FillAsync(RestServer server, RestUser owner)
    {
        const int Piece = 64 << 10;
        Document document = new(ActorId.Parse("aa"));
        using (Transaction edit = document.Begin())
        {
            ObjectId list = edit.PutObject(ObjectId.Root, "noise", ObjectKind.List);
            for (int i = 0; i < Noise / Piece; i++) edit.Insert(list, i, Value.Bytes(RandomNumberGenerator.GetBytes(Piece)));
            edit.Commit();
        }

        DocumentRecord record = (await server.Directory_.FindAsync(new Principal(owner.Id), "notes", Permission.Write, CancellationToken.None)).Document!;
        Submission submitted = await server.Engine.Contents.SubmitAsync(
            record.AutomergeId, new Principal(owner.Id), document.ChangeByHash(document.Heads[0]), document.Heads[0], null, CancellationToken.None);
        Assert.Equal(SubmissionResult.Stored, submitted.Result);
        return document.Heads[0].ToString();
    }

    // A request, and nobody who reads its answer.
    private static Socket Ask(RestServer server, RestUser user, string path)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        socket.Connect(IPAddress.Loopback, server.Address.Port);
        socket.Send(Encoding.ASCII.GetBytes($"GET {One}{path} HTTP/1.1\r\nHost: {server.Address.Authority}\r\nAuthorization: Bearer {user.Token}\r\n\r\n"));
        return socket;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (int i = 0; i < 6_000 && !condition(); i++) await Task.Delay(5);
        Assert.True(condition());
    }

    private sealed class NotingStream(Action<int> note) : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            note(buffer.Length);
            return default;
        }
    }
}
