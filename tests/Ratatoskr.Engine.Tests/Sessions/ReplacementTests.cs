using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Tests.Sessions;

public sealed class ReplacementTests : IDisposable
{
    private static readonly DocumentId Doc = TestServer.Document("replacement");

    private readonly TestServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Second_connection_with_the_same_id_closes_the_first_before_it_is_welcomed()
    {
        TestPeer first = _server.Connect("ann");
        bool closedBeforeWelcome = false;
        TestPeer second = new("ann");
        second.Connect(_server.Engine);
        second.Connection.OnSend = _ => closedBeforeWelcome = first.Connection.ClosedWith is not null;
        _server.Carry(second);

        Assert.True(closedBeforeWelcome);
        Assert.Equal(CloseCode.Normal, first.Connection.ClosedWith);
        Assert.Equal(1, _server.Engine.SessionCount);
    }

    [Fact]
    public void Replaced_session_hears_and_says_nothing_any_more()
    {
        TestPeer first = _server.Connect("ann"), bob = _server.Connect("bob");
        first.Open(Doc);
        bob.Open(Doc);
        bob.Edit(Doc, "one");
        _server.Settle();

        TestPeer second = _server.Connect("ann");
        second.Open(Doc);
        _server.Settle();
        first.Heard.Clear();
        first.Edit(Doc, "too late");
        bob.Edit(Doc, "two");
        _server.Settle();

        Assert.Empty(first.Heard);
        Assert.Equal(2, _server.StoredChanges(Doc).Count);
        Assert.Equal(2, second[Doc].Graph.Count);

        first.Disconnect();                                    // the old socket's end must not end the new session
        bob.Edit(Doc, "three");
        _server.Settle();
        Assert.Equal(3, second[Doc].Graph.Count);
        Assert.Equal(2, _server.Engine.SessionCount);
    }

    [Fact]
    public void Id_held_by_another_principal_is_refused()
    {
        TestPeer first = _server.Connect("ann", token: "ann-the-user");
        TestPeer thief = _server.Connect("ann", token: "eve-the-user");

        Assert.Null(first.Connection.ClosedWith);
        Assert.Equal(CloseCode.PolicyViolation, thief.Connection.ClosedWith);
        Assert.Equal("this peer id is in use", Assert.Single(thief.Heard).ErrorText);
    }
}
