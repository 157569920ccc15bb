using System.Text;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Simulation.Tests.Checks;
using Ratatoskr.Simulation.Tests.Peers;
using Ratatoskr.Simulation.Tests.Plans;
using Ratatoskr.Simulation.Tests.Servers;

namespace Ratatoskr.Simulation.Tests;

/// <summary>
/// Runs one plan: a whole server without sockets, its store, its accounts and its peers, in one thread. First whatever the steps say goes wrong; then the faults end,
/// and it must come to rest with everybody in step, nobody waiting and every promise kept.
/// </summary>
internal sealed class Simulation
{
    private const int AnswerFailsOneIn = 12;

    private readonly Plan _plan;
    private readonly Scene _scene;
    private readonly ApiCalls _api;
    private readonly int _heldBefore = SharedBuffer.Held;
    private int _edits;

    private Simulation(Plan plan, ScheduleContext context, Action<string>? trace)
    {
        _plan = plan;
        _scene = new Scene(plan.World, context, trace);
        _api = new ApiCalls(_scene);
    }

    /// <exception cref="PromiseBrokenException">The server does not do what it promises.</exception>
    public static Tally Run(Plan plan, Action<string>? trace = null)
    {
        SynchronizationContext? before = SynchronizationContext.Current;
        ScheduleContext context = new();
        SynchronizationContext.SetSynchronizationContext(context);
        Simulation? simulation = null;
        try
        {
            simulation = new Simulation(plan, context, trace);
            simulation.Run();
            return new Tally(simulation._scene, simulation._api, simulation._edits);
        }
        finally
        {
            simulation?._scene.Server.Kill();
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private void Run()
    {
        _scene.Proceed();
        for (int i = 0; i < _plan.Steps.Length; i++)
        {
            _scene.Audit.Now = i + 1;
            Do(_plan.Steps[i]);
            _scene.Proceed();
        }

        _scene.Audit.Now = _plan.Steps.Length + 1;
        Rest rest = new(_scene, _api);
        rest.Come();
        rest.CheckEverybody();
        rest.CheckNothingIsLeft(_heldBefore);
    }

    private void Do(Step step)
    {
        SimulatedPeer peer = _scene.Peers[step.Peer];
        DocumentId id = _scene.Documents[step.Document];
        uint choice = step.Choice;
        switch (step.Kind)
        {
            case StepKind.Join when !peer.IsConnected:
                if (choice % 4 == 0) peer.Rename(choice >> 8);
                _scene.Tell($"{peer.Name} joins as {peer.PeerId}, {peer.User}");
                _scene.Connect(peer);
                if (choice % 3 == 0) break;
                while (Say(peer)) _scene.ProceedAll();               // in step at once
                while (Hear(peer)) _scene.Proceed();
                break;
            case StepKind.Leave when peer.IsConnected:
                _scene.Tell($"{peer.Name} leaves");
                _scene.Disconnect(peer);
                break;
            case StepKind.Cut when peer.IsConnected:
                _scene.Tell($"{peer.Name} is cut off");
                _scene.Abandon(peer);
                break;
            case StepKind.Notice:
                if (_scene.NoticeAbandoned()) _scene.Tell("the server notices who is gone");
                break;
            case StepKind.Say:
                Say(peer);
                break;
            case StepKind.SayAll:
                while (Say(peer)) _scene.Proceed();
                break;
            case StepKind.Hear:
                Hear(peer);
                break;
            case StepKind.HearAll:
                while (Hear(peer)) _scene.Proceed();
                break;
            case StepKind.Open when !peer.Documents.ContainsKey(id):
                _scene.Tell($"{peer.Name} opens {_scene.ShortName(id)}");
                peer.Open(id);
                break;
            case StepKind.Edit:
                Edit(peer, id, choice);
                break;
            case StepKind.Import when !peer.Documents.ContainsKey(id) && !peer.IsHostile:
                byte[] saved = Saved(choice);
                _scene.Tell($"{peer.Name} opens {_scene.ShortName(id)} with a saved document");
                _scene.Audit.Found(id, saved);
                peer.Import(id, saved);
                break;
            case StepKind.Forget when !peer.IsConnected:
                bool everything = choice % 4 == 0;
                _scene.Tell($"{peer.Name} forgets {(everything ? "everything" : "its sync states")}");
                peer.Forget(everything);
                if (everything) _scene.Audit.Lost(peer);
                break;
            case StepKind.Ephemeral when peer.IsWelcome:
                _scene.Tell($"{peer.Name} says something about {_scene.ShortName(id)}");
                peer.SayEphemeral(id, [0x82, 1, 2], default);
                break;
            case StepKind.Follow when peer.IsWelcome:
                peer.Follow([StorageId.FromString("store0"), StorageId.FromString("store1")]);
                break;
            case StepKind.Lie when Hostile(step.Peer) is { } liar:
                SimulatedPeer other = _scene.Peers[(liar.Number + 1) % _scene.Peers.Count];
                if (Lies.Tell(liar, other, id, choice, _scene.Audit) is { } lie) _scene.Tell($"{liar.Name} wants to say of {_scene.ShortName(id)}: {lie}");
                break;
            case StepKind.Replay when Hostile(step.Peer) is { } parrot:
                if (parrot.Replay(choice)) _scene.Tell($"{parrot.Name} wants to repeat itself");
                break;
            default:
                DoInside(step, peer);
                break;
        }

        _scene.NoticeClosed(peer);
    }

    private void DoInside(Step step, SimulatedPeer peer)
    {
        uint choice = step.Choice;
        switch (step.Kind)
        {
            case StepKind.Work when _scene.Server.Scheduler.Count > 0:
                _scene.Tell("the server works on something");
                _scene.Server.Scheduler.RunOne((int)(choice % (uint)_scene.Server.Scheduler.Count));
                break;
            case StepKind.WorkAll:
                if (_scene.ProceedAll()) _scene.Tell("the server works");
                break;
            case StepKind.Commit:
                if (_scene.Store.Commit()) _scene.Tell("the store commits");
                break;
            case StepKind.Store:
                if (_scene.Store.Decide(choice >> 8, VerdictOf(choice)) is { } done) _scene.Tell(done);
                break;
            case StepKind.Read:
                if (_scene.Store.CompleteRead(choice >> 8, fails: choice % AnswerFailsOneIn == 0)) _scene.Tell($"a read {(choice % AnswerFailsOneIn == 0 ? "fails" : "comes back")}");
                break;
            case StepKind.ReadAll:
                while (_scene.Store.CompleteRead(0, fails: false)) _scene.Context.RunAll();
                break;
            case StepKind.Account:
                if (_scene.Truth.Answer(choice)) _scene.Tell("the accounts answer, or fail");
                break;
            case StepKind.AccountAll:
                for (uint next = choice; _scene.Truth.Answer(next); next = next * 747796405 + 1) _scene.Context.RunAll();
                break;
            case StepKind.Wait:
                _scene.Tell("time passes");
                _scene.Time.Advance(choice % 4 == 0 ? 5_000 : choice % 1_500);
                break;
            case StepKind.Crash:
                _scene.Tell("the server dies and starts again");
                _api.Crashed();
                _scene.Crash(choice);
                break;
            case StepKind.Register when _scene.Truth[_scene.Documents[step.Document]] is null:
                _api.Register(step.Document, choice);
                break;
            case StepKind.Share:
                _api.Share(step.Document, choice);
                break;
            case StepKind.Expire:
                _api.Expire(step.Document, choice);
                break;
            case StepKind.Delete:
                _api.Delete(step.Document);
                break;
            case StepKind.Sweep:
                _api.Sweep();
                break;
            case StepKind.Revoke when peer.User.Length > 0:
                _api.Revoke(peer);
                break;
            case StepKind.Quota:
                _api.Quota(Scene.OwnerOf(step.Document), 100 + (choice % 3_000));
                break;
            case StepKind.Write:
                _api.Write(step.Document, peer, choice);
                break;
        }
    }

    private void Edit(SimulatedPeer peer, DocumentId id, uint choice)
    {
        if (!peer.Documents.TryGetValue(id, out PeerDocument? document)) return;
        for (uint i = 0; i <= choice % 3; i++)
        {
            // A few are long, where memory is short most, and some say nothing.
            int size = (choice >> 4) % (_plan.World.IsShortOfMemory ? 2u : 16) == 0 ? 2_000 : 8;
            byte[] change = peer.Edit(id, Text(size), operations: (choice >> 8) % 10 == 0 ? 0 : 1);
            _scene.Audit.Made(id, change, peer, peer.User);
        }

        _scene.Tell($"{peer.Name} edits {_scene.ShortName(id)} {1 + (choice % 3)} times, now {document.Graph.HashAt(document.Graph.Count - 1).ToString()[..6]}");
    }

    // Another one each time, that does not compress.
    private string Text(int size)
    {
        StringBuilder text = new($"{_edits++} ");
        for (uint next = (uint)_edits; text.Length < size; next = (next * 747796405) + 2891336453) text.Append((char)('!' + (next >> 16) % 90));
        return text.ToString();
    }

    // The next one that is.
    private SimulatedPeer? Hostile(int from)
    {
        for (int i = 0; i < _scene.Peers.Count; i++)
        {
            if (_scene.Peers[(from + i) % _scene.Peers.Count] is { IsHostile: true } peer) return peer;
        }

        return null;
    }

    private bool Say(SimulatedPeer peer)
    {
        if (peer.Say() is not { } message) return false;
        if (_scene.Trace is not null) _scene.Tell($"{peer.Name} → {Scene.Describe(message)}");
        return true;
    }

    private bool Hear(SimulatedPeer peer)
    {
        if (peer.Hear() is not { } message) return false;
        if (_scene.Trace is not null) _scene.Tell($"{peer.Name} ← {Scene.Describe(message)}");
        return true;
    }

    private static byte[] Saved(uint choice) => SavedDocuments.All[choice % (uint)SavedDocuments.All.Length];

    private static StoreVerdict VerdictOf(uint choice) => (choice % 20) switch
    {
        < 8 => StoreVerdict.Stored,
        < 12 => StoreVerdict.StoredUnanswered,
        < 14 => StoreVerdict.UnknownStored,
        < 16 => StoreVerdict.UnknownLost,
        < 17 => StoreVerdict.FailedStored,
        < 18 => StoreVerdict.FailedLost,
        < 19 => StoreVerdict.Fenced,
        _ => StoreVerdict.Stored,
    };

    private static class SavedDocuments
    {
        // Small ones, as automerge 3.5.0 saves them.
        public static readonly byte[][] All = [Vectors.Saved(7), Vectors.Saved(28)];
    }
}
