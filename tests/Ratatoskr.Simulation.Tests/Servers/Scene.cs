using System.Text;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Simulation.Tests.Checks;
using Ratatoskr.Simulation.Tests.Peers;
using Ratatoskr.Simulation.Tests.Plans;
using SharedTests.Accounts;
using SharedTests.Clocks;

namespace Ratatoskr.Simulation.Tests.Servers;

/// <summary>Everybody and everything in one schedule: what outlives processes, the process there is now, the peers, and who watches them.</summary>
internal sealed class Scene
{
    /// <summary>Bytes that nobody comes near.</summary>
    public const long Plenty = 1L << 30;

    private const int OwnersMax = 2;
    private const int GroupsMax = 2;

    private static readonly DocumentId[] s_documents = [.. Enumerable.Range(0, Plan.DocumentsMax).Select(i => DocumentId.FromPayload(Encoding.UTF8.GetBytes($"{i} is a document")))];
    private static readonly DocumentId[] s_groups = [.. Enumerable.Range(0, GroupsMax).Select(i => DocumentId.FromPayload(Encoding.UTF8.GetBytes($"{i} is a group")))];

    private readonly List<(IPeerSession Session, Task Finished)> _abandoned = [];

    private long _evictedBefore;

    public Scene(World world, ScheduleContext context, Action<string>? trace)
    {
        World = world;
        Context = context;
        Trace = trace;
        Logger = new SimulationLogger(trace);
        Documents = s_documents[..world.Documents];
        Truth = new AccountTruth(Accounts, Time);
        for (int i = 0; i < world.Peers.Length; i++)
        {
            string user = (world.Peers[i] & Habits.Anonymous) != 0 ? "" : $"user{i}";
            Peers.Add(new SimulatedPeer(i, user, world.Peers[i]));
            if (user.Length > 0) Truth.AddUser(user, world.QuotaBytes ?? Plenty);
        }

        foreach (DocumentId group in s_groups) Accounts.Put(new DocumentRecord { Id = group.ToString(), AutomergeId = group, OwnerId = "user0", Acl = [new AclEntry("user1", Permission.Read)] });
        for (int i = 0; i < Documents.Length; i++)
        {
            if ((world.Registered >> i & 1) == 0) continue;
            AclEntry[] acl = [new AclEntry(AccessResolver.Public, Permission.Write)];
            Accounts.Put(new DocumentRecord { Id = Documents[i].ToString(), AutomergeId = Documents[i], OwnerId = OwnerOf(i), Acl = acl });
        }

        Access = new AccessAudit(Truth, [.. Peers.Select(p => p.User)], Documents);
        Audit = new Audit(Store, Access);
        Accounts.Changed = Access.Changed;
        Store.Writing = Audit.Writing;
        Store.Written = Audit.Written;
        Store.Called = Audit.Called;
        Accounts.IsSlow = world.HasSlowAccounts;
        Store.HasSlowReads = world.HasSlowReads;
        Server = new SimulatedServer(world, Store, Accounts, Truth, Time, Logger);
    }

    public World World { get; }

    public ScheduleContext Context { get; }

    public Action<string>? Trace { get; }

    public SimulationLogger Logger { get; }

    public ManualTime Time { get; } = new();

    public SimulatedStore Store { get; } = new();

    public FakeAccounts Accounts { get; } = new();

    public AccountTruth Truth { get; }

    public AccessAudit Access { get; }

    public Audit Audit { get; }

    public SimulatedServer Server { get; private set; }

    public DocumentId[] Documents { get; }

    public List<SimulatedPeer> Peers { get; } = [];

    /// <summary>Documents whose content left memory to make room.</summary>
    public long Evictions => _evictedBefore + Server.Engine.Metrics.Evicted;

    /// <summary>Times a process has died.</summary>
    public int Crashes { get; private set; }

    public static string OwnerOf(int document) => $"user{document % OwnersMax}";

    /// <summary>What access lists may name beside users: a document whose readers are meant.</summary>
    public static string Group(uint choice) => s_groups[choice % GroupsMax].ToString();

    public void Tell(string what) => Trace?.Invoke(what);

    public string ShortName(DocumentId id) => $"document {Array.IndexOf(Documents, id)}";

    public void Connect(SimulatedPeer peer)
    {
        peer.Connect(Server.Engine, Audit.Sent);
        Audit.Speaks(peer);
    }

    /// <summary>The peer goes, and the server notices as soon as it can.</summary>
    public void Disconnect(SimulatedPeer peer)
    {
        (IPeerSession session, Task finished) = peer.Abandon();
        if (finished.IsCompleted) session.Disconnected();
        else _abandoned.Add((session, finished));
    }

    public void Abandon(SimulatedPeer peer) => _abandoned.Add(peer.Abandon());

    /// <summary>The server notices that connections are gone.</summary>
    public bool NoticeAbandoned()
    {
        (IPeerSession Session, Task Finished)[] abandoned = [.. _abandoned.Where(gone => gone.Finished.IsCompleted)];
        foreach ((IPeerSession Session, Task Finished) gone in abandoned)
        {
            _abandoned.Remove(gone);
            gone.Session.Disconnected();
        }

        return abandoned.Length > 0;
    }

    /// <summary>A peer that has taken everything notices that the server has closed its connection.</summary>
    public bool NoticeClosed(SimulatedPeer peer)
    {
        if (peer.IsBusy() || peer.Connection!.ClosedWith is null || peer.Connection.Waiting > 0) return false;
        Tell($"{peer.Name} was closed: {peer.Connection.CloseReason}");
        Disconnect(peer);
        return true;
    }

    /// <summary>Kill -9: memory and connections are gone, and what had not reached the disk.</summary>
    public void Crash(uint choice)
    {
        Crashes++;
        _evictedBefore = Evictions;
        Server.Kill();
        Context.Clear();
        Time.StopTimers();
        Store.Crash(choice);
        Accounts.Crash();
        _abandoned.Clear();
        foreach (SimulatedPeer peer in Peers)
        {
            if (peer.IsConnected) peer.Abandon();
        }

        Audit.CheckConfirmed();
        Access.Restarted();
        Server = new SimulatedServer(World, Store, Accounts, Truth, Time, Logger);
    }

    /// <summary>Lets everything go on that waits for nothing but its turn.</summary>
    public void Proceed()
    {
        Context.RunAll();
        Check();
    }

    /// <summary>The same, and the server's threads too.</summary>
    public bool ProceedAll()
    {
        bool moved = false;
        RunWhatIsHere();
        while (Server.Scheduler.Count > 0)
        {
            moved = true;
            Server.Scheduler.RunOne();
            RunWhatIsHere();
        }

        Check();
        return moved;
    }

    // A tick, too, is deferred where threads defer, and moves nobody.
    private void RunWhatIsHere()
    {
        Context.RunAll();
        Server.Scheduler.RunDeferred();
        Context.RunAll();
    }

    // What was found out within a turn of the engine, which would take an exception for a bug of its own.
    private void Check()
    {
        if (Audit.Broken is { } broken) throw broken;
        Logger.Check();
    }

    public static string Describe(byte[] message)
    {
        try
        {
            return new ServerMessage(message).ToString();
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
    }
}
