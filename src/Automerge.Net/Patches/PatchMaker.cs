using Automerge.Documents;
using Automerge.Operations;
using Automerge.Values;

namespace Automerge.Patches;

/// <summary>
/// Makes the steps that lead from what a document said to what it says: everywhere, or where it was touched. Parents come before what is in them, and in a list
/// or text steps go from left to right; so a path or index of the later state is right at its step.
/// </summary>
internal sealed class PatchMaker
{
    private readonly OpSet _ops;
    private readonly Showing _before;
    private readonly Showing _nothing;
    private readonly TextUnit _unit;
    private readonly List<Patch> _patches = [];
    private readonly Queue<Waiting> _waiting = [];
    private readonly Dictionary<OpObject, DocumentPath?> _paths = [];

    public PatchMaker(OpSet ops, CausalPast before, CausalPast after, TextUnit unit)
    {
        (_ops, _unit) = (ops, unit);
        _before = new Showing(ops, before);
        After = new Showing(ops, after);
        _nothing = new Showing(ops, CausalPast.Nothing);
        _paths.Add(ops.Root, DocumentPath.Root);
    }

    public Showing After { get; }

    /// <summary>Compares the whole document.</summary>
    public IReadOnlyList<Patch> CompareAll()
    {
        _waiting.Enqueue(new Waiting(_ops.Root, DocumentPath.Root, IsNew: false));
        CompareWaiting();
        return _patches;
    }

    /// <summary>Compares where the document was touched.</summary>
    public IReadOnlyList<Patch> Compare(PatchLog log)
    {
        List<(OpObject Object, DocumentPath Path)> shown = [];
        foreach (OpObject touched in log.Touched.Keys)
        {
            if (PathOf(touched) is { } path) shown.Add((touched, path));
        }

        shown.Sort((left, right) =>
        {
            int depth = left.Path.Count.CompareTo(right.Path.Count);
            return depth != 0 ? depth : _ops.Actors.Compare(left.Object.Id, right.Object.Id);
        });
        foreach ((OpObject touched, DocumentPath path) in shown)
        {
            List<PatchLog.Touch> touches = log.Touched[touched];
            if (touched is MapObject map) CompareKeys(map, path, touches);
            else new SequencePatches(this, (SequenceObject)touched, path, _before, _unit, into: false).Compare(touches);
            CompareWaiting();
        }

        return _patches;
    }

    public void Add(Patch patch) => _patches.Add(patch);

    /// <summary>Has an object compared, or told whole, after the one that is being compared.</summary>
    public void Enqueue(LocalId made, DocumentPath path, bool isNew) => _waiting.Enqueue(new Waiting(_ops.Find(made)!, path, isNew));

    private void CompareWaiting()
    {
        while (_waiting.TryDequeue(out Waiting next))
        {
            Showing before = next.IsNew ? _nothing : _before;
            if (next.Object is MapObject map)
            {
                int[] names = [.. map.Names];
                Array.Sort(names, _ops.Names.Compare);
                foreach (int name in names) CompareKey(map, name, next.Path, before, into: true);
            }
            else
            {
                new SequencePatches(this, (SequenceObject)next.Object, next.Path, before, _unit, into: true).CompareAll();
            }
        }
    }

    private void CompareKeys(MapObject map, DocumentPath path, List<PatchLog.Touch> touches)
    {
        int[] names = new int[touches.Count];
        for (int i = 0; i < names.Length; i++) names[i] = touches[i].Count;
        Array.Sort(names, _ops.Names.Compare);
        for (int i = 0; i < names.Length; i++)
        {
            if (i == 0 || names[i] != names[i - 1]) CompareKey(map, names[i], path, _before, into: false);
        }
    }

    private void CompareKey(MapObject map, int name, DocumentPath path, in Showing before, bool into)
    {
        if (map.Find(name) is not { } register) return;
        int old = before.Winner(register), now = After.Winner(register);
        if (old < 0 && now < 0) return;
        Prop key = _ops.Names.Text(name);
        if (now < 0) Add(new DeletePatch(_ops.ObjectIdOf(map.Id), path, key, 1));
        else if (old != now) Put(map, path, key, register, now);
        else CompareShown(map, path, key, register, now, before, into);
    }

    /// <summary>A value comes to show.</summary>
    public void Put(OpObject target, DocumentPath path, Prop prop, Register register, int now)
    {
        Add(new PutPatch(_ops.ObjectIdOf(target.Id), path, prop, After.ValueOf(register, now), After.NextBelow(register, now) >= 0));
        if (register[now].IsMake) Enqueue(register[now].Id, path.Add(prop), isNew: true);
    }

    /// <summary>A value showed and still does.</summary>
    public void CompareShown(OpObject target, DocumentPath path, Prop prop, Register register, int shown, in Showing before, bool into)
    {
        ref RegisterOp op = ref register[shown];
        if (op.IsCounter)
        {
            long by = unchecked(After.CounterOf(register, shown) - before.CounterOf(register, shown));
            if (by != 0) Add(new IncrementPatch(_ops.ObjectIdOf(target.Id), path, prop, by));
        }

        bool conflict = After.NextBelow(register, shown) >= 0;
        if (conflict != before.NextBelow(register, shown) >= 0) Add(new ConflictPatch(_ops.ObjectIdOf(target.Id), path, prop, conflict));
        if (into && op.IsMake) Enqueue(op.Id, path.Add(prop), isNew: false);
    }

    // Where an object is that was to be seen before and still is; null for others.
    private DocumentPath? PathOf(OpObject obj)
    {
        Stack<OpObject> unknown = [];
        DocumentPath? path;
        OpObject at = obj;
        while (!_paths.TryGetValue(at, out path))
        {
            unknown.Push(at);
            at = at.Parent!;
        }

        while (unknown.TryPop(out OpObject? child))
        {
            path = path is null || !TryFindProp(child, out Prop prop) ? null : path.Add(prop);
            _paths.Add(child, path);
        }

        return path;
    }

    private bool TryFindProp(OpObject obj, out Prop prop)
    {
        prop = default;
        if (obj.Parent is MapObject map)
        {
            if (map.Find(obj.ParentName) is not { } register || !ShowsInBoth(register, obj.Id)) return false;
            prop = _ops.Names.Text(obj.ParentName);
            return true;
        }

        SequenceObject sequence = (SequenceObject)obj.Parent!;
        if (!sequence.TryFind(obj.ParentElement, out ElementPlace place)) return false;
        if (place.InRun.Register is not { } element || !ShowsInBoth(element, obj.Id)) return false;
        SequenceSum sum = sequence.SumBefore(place);
        prop = sequence.IsText && _unit == TextUnit.Utf16 ? sum.Utf16 : sum.Width;
        return true;
    }

    private bool ShowsInBoth(Register register, LocalId made)
    {
        int winner = After.Winner(register);
        return winner >= 0 && register[winner].Id == made && _before.Winner(register) == winner;
    }

    private readonly record struct Waiting(OpObject Object, DocumentPath Path, bool IsNew);
}
