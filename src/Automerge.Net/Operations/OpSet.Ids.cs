using Automerge.Changes;
using Automerge.Values;

namespace Automerge.Operations;

// Ids as the world knows them, and as they are here.
public sealed partial class OpSet
{
    internal OpId OpIdOf(LocalId id) => id.IsNone ? default : new OpId(id.Counter, Actors[id.Actor]);

    internal ObjectId ObjectIdOf(LocalId id) => new(OpIdOf(id));

    /// <summary>The local form of an operation's id; false when its actor is unknown, and then the operation is.</summary>
    internal bool TryLocal(in OpId id, out LocalId local)
    {
        local = default;
        if (id.Counter == 0) return true;
        int actor = Actors.Find(id.Actor.Bytes);
        if (actor < 0) return false;
        local = new LocalId(id.Counter, actor);
        return true;
    }

    internal OpObject? Find(in ObjectId id) => TryLocal(id.Operation, out LocalId local) ? Find(local) : null;
}
