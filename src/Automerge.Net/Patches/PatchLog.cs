using Automerge.Documents;
using Automerge.Operations;

namespace Automerge.Patches;

/// <summary>
/// Remembers where an op set was touched since a moment, so that what changed can be told at a cost that follows the edits, not the document. Set as
/// <see cref="OpSet.Patches"/>; operations that are taken back again do no harm.
/// </summary>
/// <remarks>One owner, one thread. Bounded: when too much was touched, the document is compared as a whole.</remarks>
/// <param name="before">What the op set held at the moment: fixed.</param>
internal sealed class PatchLog(CausalPast before)
{
    // About 30 MB. Typing and its likes make one of a run.
    private const int TouchesMax = 1 << 20;

    private readonly Dictionary<OpObject, List<Touch>> _touched = [];
    private OpObject? _last;
    private List<Touch> _lastTouches = [];
    private int _count;

    public CausalPast Before { get; } = before;

    /// <summary>The log of a document that was empty until it was loaded whole.</summary>
    public static PatchLog SinceNothing() => new(CausalPast.Nothing) { _count = int.MaxValue };

    /// <summary>Whether so much was touched that places are no longer remembered.</summary>
    public bool IsOverrun => _count > TouchesMax;

    public IReadOnlyDictionary<OpObject, List<Touch>> Touched => _touched;

    /// <summary>Operations acted on a map key.</summary>
    public void Note(MapObject map, int name) => Note(map, new Touch(default, name));

    /// <summary>Operations acted on, or inserted, elements with consecutive ids.</summary>
    public void Note(SequenceObject sequence, LocalId first, int count) => Note(sequence, new Touch(first, count));

    /// <summary>Notes all places of a change that is being made, when it is committed.</summary>
    public void Note(PendingOps pending)
    {
        LocalId id = new(pending.StartOp, pending.Author);
        foreach (ref readonly PendingRun run in pending.Runs)
        {
            if (run.Target is MapObject map) Note(map, run.Name);
            else if (run.Insert) Note((SequenceObject)run.Target, id, run.Count);
            else Note((SequenceObject)run.Target, run.Kind == PendingKind.Deletes && run.Step < 0 ? run.Element.Plus(1 - run.Count) : run.Element, run.Count);
            id = id.Plus(run.Count);
        }
    }

    /// <summary>What changed between the moment and now.</summary>
    public IReadOnlyList<Patch> Patches(OpSet ops, TextUnit unit)
    {
        PatchMaker maker = new(ops, Before, CausalPast.Everything, unit);
        return IsOverrun ? maker.CompareAll() : maker.Compare(this);
    }

    private void Note(OpObject target, Touch touch)
    {
        // What is in a new object is told with the object.
        if (IsOverrun || !Before.Covers(target.Id)) return;
        if (target != _last)
        {
            if (!_touched.TryGetValue(target, out List<Touch>? touches)) _touched.Add(target, touches = []);
            (_last, _lastTouches) = (target, touches);
        }

        if (target is SequenceObject && _lastTouches.Count > 0)
        {
            Touch last = _lastTouches[^1];
            if (touch.First == last.First.Plus(last.Count))
            {
                _lastTouches[^1] = last with { Count = last.Count + touch.Count };
                return;
            }

            // Deleting backwards.
            if (last.First == touch.First.Plus(touch.Count))
            {
                _lastTouches[^1] = new Touch(touch.First, last.Count + touch.Count);
                return;
            }
        }

        _lastTouches.Add(touch);
        if (++_count <= TouchesMax) return;
        _touched.Clear();
        (_last, _lastTouches) = (null, []);
    }

    /// <summary>Elements of a list or text with consecutive ids; or, without an id, a map key's number as count.</summary>
    internal readonly record struct Touch(LocalId First, int Count);
}
