using Automerge.Changes;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Simulation.Tests.Peers;
using Ratatoskr.Simulation.Tests.Plans;

namespace Ratatoskr.Simulation.Tests.Servers;

/// <summary>
/// Calls of the API as its request handlers make them. They take their time: what they have changed counts as in force when they return, and never does if the process dies before.
/// </summary>
internal sealed class ApiCalls(Scene scene)
{
    private int _calls;
    private int _writes;
    private int _pending;

    /// <summary>Calls that have not returned.</summary>
    public int Pending => _pending;

    /// <summary>Calls that have returned.</summary>
    public int Returned { get; private set; }

    public void Crashed() => _pending = 0;

    public void Register(int document, uint choice) => Begin(
        $"register {document} for {Acl(choice)}",
        Scene.OwnerOf(document),
        async principal => (await scene.Server.Directory.CreateAsync(principal, new NewDocument(null, scene.Documents[document].ToString(), null, AclOf(choice), null), default)).Refusal);

    public void Share(int document, uint choice) => Begin(
        $"share {document} with {Acl(choice)}",
        Scene.OwnerOf(document),
        async principal => (await scene.Server.Directory.SetAclAsync(principal, scene.Documents[document].ToString(), AclOf(choice), null, default)).Refusal);

    /// <summary>Everybody may do everything.</summary>
    public void Open(int document) => Begin(
        $"open {document} to everybody",
        Scene.OwnerOf(document),
        async principal => (await scene.Server.Directory.SetAclAsync(principal, scene.Documents[document].ToString(), [new AclEntry(AccessResolver.Public, Permission.Write)], null, default)).Refusal);

    public void Expire(int document, uint choice)
    {
        DateTimeOffset? end = choice % 3 == 0 ? null : scene.Time.GetUtcNow().AddMilliseconds(1 + (choice % 4_000));
        Begin(
            $"expire {document}",
            Scene.OwnerOf(document),
            async principal => (await scene.Server.Directory.SetExpirationAsync(principal, scene.Documents[document].ToString(), end, default)).Refusal);
    }

    public void Delete(int document) => Begin(
        $"delete {document}",
        Scene.OwnerOf(document),
        async principal => (await scene.Server.Directory.DeleteAsync(principal, scene.Documents[document].ToString(), default)).Refusal);

    public void Sweep() => Begin("sweep", "user0", async _ =>
    {
        await scene.Server.Directory.SweepAsync(100, default);
        return null;
    });

    public void Revoke(SimulatedPeer peer)
    {
        string credential = peer.Credential;
        peer.Renew();
        Begin($"revoke {credential}", "user0", async _ =>
        {
            scene.Truth.Revoked.Add(credential);
            await scene.Server.BindAsync(new ControlChange(ControlSubject.Revoked, default, credential));
            scene.Audit.CredentialRevoked(credential);
            return null;
        });
    }

    public void Quota(string user, long bytes) => Begin($"{bytes} bytes for {user}", user, async _ =>
    {
        scene.Truth.AddUser(user, bytes);
        await scene.Server.BindAsync(new ControlChange(ControlSubject.Settings, default, ""));
        return null;
    });

    /// <summary>Writes to a document's content, on top of what is committed.</summary>
    public void Write(int document, SimulatedPeer author, uint choice)
    {
        DocumentId id = scene.Documents[document];
        PeerDocument read = scene.Store[id].Load(id);
        ActorId actor = new([0xA0, (byte)(_writes >> 8), (byte)_writes++, (byte)id.Text[0]]);
        byte[] change = PeerDocument.Make(read.Graph, actor, $"written {_writes}", 1, out ChangeHash hash);
        scene.Audit.Made(id, change, null, author.User);
        ChangeHash[]? heads = choice % 2 == 0 ? null : read.Graph.Heads.ToArray();
        Begin($"write {hash.ToString()[..6]} to {document} as {author.Name}", author.User, async principal =>
        {
            Submission submission = await scene.Server.Engine.Contents.SubmitAsync(id, principal, change, hash, heads, default);
            scene.Tell($"    {hash.ToString()[..6]}: {submission.Result} {submission.Error}");
            if (submission.Result == SubmissionResult.Stored) scene.Audit.Confirmed(id, hash);
            return null;
        });
    }

    private static string Acl(uint choice) => string.Join(", ", AclOf(choice).Select(entry => $"{(entry.Principal.Length > 12 ? "group" : entry.Principal)}:{entry.Permission}"));

    private static AclEntry[] AclOf(uint choice)
    {
        List<AclEntry> entries = [];
        for (int user = 0; user < Plan.PeersMax; user++, choice >>= 2)
        {
            if ((choice & 3) is 1 or 2) entries.Add(new AclEntry($"user{user}", (Permission)(choice & 3)));
        }

        if ((choice & 7) < 3) entries.Add(new AclEntry(AccessResolver.Public, (choice & 7) == 0 ? Permission.Read : Permission.Write));
        if ((choice >> 3 & 3) == 0) entries.Add(new AclEntry(Scene.Group(choice >> 5), (choice >> 6 & 1) == 0 ? Permission.Read : Permission.Write));
        return [.. entries];
    }

    private void Begin(string what, string user, Func<Principal, Task<Refusal?>> call)
    {
        _pending++;
        scene.Tell($"API: {what}");
        _ = CallAsync(++_calls, what, user, call);
    }

    private async Task CallAsync(int number, string what, string user, Func<Principal, Task<Refusal?>> call)
    {
        SimulatedServer server = scene.Server;
        scene.Access.Begin(number);
        try
        {
            Refusal? refusal = await call(user.Length == 0 ? Principal.Anonymous : new Principal(user) { CredentialId = "api", IsSession = true });
            if (server != scene.Server) return;
            scene.Tell($"API: {what}: {(refusal is null ? "done" : refusal.Message)}");
            if (refusal is null) scene.Access.Returned(number);
            Returned++;
        }
        catch (IOException e)
        {
            scene.Tell($"API: {what}: {e.Message}");
            if (server == scene.Server) scene.Access.Failed(number);
        }

        if (server == scene.Server) _pending--;
    }
}
