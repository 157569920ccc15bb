using System.Diagnostics.CodeAnalysis;
using System.Text;
using Automerge.Changes;
using Automerge.Columns;
using Automerge.Operations;

namespace Automerge.Documents;

/// <summary>
/// An Automerge document: values that several actors change without asking each other, and that are the same wherever the same changes have arrived. Changes are made
/// in transactions; others' arrive as bytes, in any order. Whatever it is given, it keeps only what every other Automerge can keep too.
/// </summary>
/// <remarks>
/// One owner, one thread. It reads no clock and draws no random numbers: time and actor ids are arguments. Two replicas that work at the same time must never share
/// an actor id.
/// </remarks>
[SuppressMessage("Reliability", "CA1001:Types that own disposable fields should be disposable", Justification = "Only pooled arrays: a document let go of leaves them to the collector.")]
public sealed partial class Document
{
    // Operations whose encoder's memory is kept for the next change. 64 Ki take about 1 MB.
    private const int ScratchOperations = 64 * 1024;

    private readonly DocumentOptions _options;
    private readonly PendingOps _pending = new();
    private readonly ChangeEncoder _encoder = new();
    private readonly PooledBuffer _others = new();
    private int[] _localActors = [];
    private Transaction? _open;
    private DocumentView? _view;

    /// <summary>Makes an empty document.</summary>
    /// <param name="actor">Who makes the changes: different for every replica that makes any, usually 16 random bytes.</param>
    /// <param name="options">Null for the defaults.</param>
    public Document(ActorId actor, DocumentOptions? options = null)
    {
        _options = options ?? DocumentOptions.Default;
        CheckActor(actor);
        Actor = actor;
        Graph = new ChangeGraph(_options.HashKey, _options.GraphLimits);
        Queue = new ChangeQueue(_options.HashKey, int.MaxValue, long.MaxValue);     // what is left waiting of a batch is bounded, not the batch
    }

    /// <summary>Who makes the changes from now on.</summary>
    /// <exception cref="DocumentException">A transaction is open, or the id is longer than changes may have.</exception>
    public ActorId Actor
    {
        get;
        set
        {
            DemandNoTransaction();
            CheckActor(value);
            field = value;
        }
    }

    /// <summary>The changes that no other one follows, ascending: the document is what these and all before them say. A copy.</summary>
    public IReadOnlyList<ChangeHash> Heads => Graph.Heads.ToArray();

    /// <summary>Changes in the document.</summary>
    public int ChangeCount => Graph.Count;

    /// <summary>Changes that wait for others they depend on.</summary>
    public int QueuedCount => Queue.Count;

    /// <summary>Reads the document as it is, the open transaction's edits included.</summary>
    public DocumentView View => _view ??= new DocumentView(Ops);

    /// <summary>The transaction that is being made; null when there is none.</summary>
    public Transaction? OpenTransaction => _open;

    internal ChangeGraph Graph { get; private set; }

    internal ChangeLog Log { get; private set; } = new();

    internal OpSet Ops { get; private set; } = new();

    internal ChangeQueue Queue { get; private set; }

    internal PendingOps Pending => _pending;

    internal DocumentOptions Options => _options;

    /// <summary>Reads the document as it was at some heads; a view that later changes do not touch.</summary>
    /// <exception cref="DocumentException">A change is not in the document.</exception>
    public DocumentView ViewAt(ReadOnlySpan<ChangeHash> heads)
    {
        DemandKnown(heads);
        return new DocumentView(Ops, CausalPast.Fixed(Graph, heads, Ops.Actors));
    }

    /// <summary>Begins a transaction: edits that become one change when it is committed. There is one at a time.</summary>
    /// <param name="options">Time and message of the change; they can be set until it is committed.</param>
    /// <exception cref="DocumentException">A transaction is open already.</exception>
    public Transaction Begin(CommitOptions options = default)
    {
        DemandNoTransaction();
        return Begin(Actor, HeadsAndOwnLast(), CausalPast.Everything, options);
    }

    /// <summary>
    /// Begins a transaction that does not know what came after some heads: it sees the document as it was, and its change is concurrent to what came since.
    /// </summary>
    /// <param name="heads">Changes of the document.</param>
    /// <param name="options">As for <see cref="Begin(CommitOptions)"/>.</param>
    /// <remarks>
    /// If the actor has made changes since, the new one is made by another actor, derived from it as 3.5.0 does, since an actor's changes must follow each other.
    /// </remarks>
    /// <exception cref="DocumentException">A transaction is open already, or a change is not in the document.</exception>
    public Transaction BeginAt(ReadOnlySpan<ChangeHash> heads, CommitOptions options = default)
    {
        DemandNoTransaction();
        DemandKnown(heads);
        ChangeHash[] deps = heads.ToArray();
        Array.Sort(deps);
        deps = Distinct(deps);
        ActorId author = Actor;
        for (ulong level = 1; !MayFollow(author, deps); level++) author = Derive(Actor, level);
        CheckActor(author);
        int slot = Ops.Actors.Intern(author.Bytes);
        return Begin(author, deps, CausalPast.Of(Graph, deps, Ops.Actors, slot), options);
    }

    /// <summary>Makes a change without operations: it says "all this I have seen".</summary>
    /// <exception cref="DocumentException">A transaction is open.</exception>
    public ChangeHash CommitEmpty(CommitOptions options = default)
    {
        using Transaction transaction = Begin(options);
        return Commit(transaction);
    }

    /// <summary>Makes the change of the open transaction.</summary>
    internal ChangeHash Commit(Transaction transaction)
    {
        if (_localActors.Length < Ops.Actors.Count) _localActors = new int[Math.Max(4, 2 * Ops.Actors.Count)];
        _others.Clear();
        int otherCount = PendingChangeOps.CollectActors(_pending, Ops.Actors, _localActors, _others);
        byte[] message = string.IsNullOrEmpty(transaction.Message) ? [] : Encoding.UTF8.GetBytes(transaction.Message);
        uint startOp = _pending.Count > 0 ? _pending.StartOp : MaxOpOf(transaction.Deps) + 1;
        ChangeFields fields = new()
        {
            Deps = transaction.Deps,
            Actor = transaction.Actor.Bytes,
            Seq = transaction.Seq,
            StartOp = startOp,
            Time = transaction.Time,
            Message = message,
            OtherActorCount = otherCount,
            OtherActors = _others.Written,
        };
        ReadOnlySpan<byte> chunk = _encoder.Encode(fields, new PendingChangeOps(_pending, Ops.Names, _localActors), out ChangeHash hash);
        GraphVerdict verdict = Graph.TryAdd(hash, transaction.Deps, transaction.Actor.Bytes, transaction.Seq, startOp, (uint)_pending.Count);
        if (verdict != GraphVerdict.Added)
        {
            Rollback();
            throw new DocumentException(DocumentError.WrongState, $"the change cannot be made: {verdict}");
        }

        Log.Add(transaction.Time, message, default);
        _bytes.Add(chunk);
        Ops.Patches?.Note(_pending);
        Queue.Release(hash);
        if (_pending.Count > ScratchOperations) _encoder.Dispose();
        _pending.Clear();
        _open = null;
        return hash;
    }

    /// <summary>Takes the open transaction back.</summary>
    internal void Rollback()
    {
        Ops.TakeBack(_pending);
        _open = null;
    }

    private Transaction Begin(ActorId author, ChangeHash[] deps, CausalPast past, CommitOptions options)
    {
        if (Graph.MaxOp == uint.MaxValue) throw new DocumentException(DocumentError.WrongState, "the document's operation counter is used up");
        _pending.Begin(Ops.Actors.Intern(author.Bytes), Graph.MaxOp + 1, past, Ops.Names.Count);
        int actor = Graph.FindActor(author.Bytes);
        int tip = actor < 0 ? -1 : Graph.TipOf(actor);
        uint seq = tip < 0 ? 1 : Graph.SeqOf(tip) + 1;
        return _open = new Transaction(this, author, seq, deps, options);
    }

    // A change names its author's last one even when others have followed that: 3.5.0 does so, and the list is hashed.
    private ChangeHash[] HeadsAndOwnLast()
    {
        ReadOnlySpan<ChangeHash> heads = Graph.Heads;
        int actor = Graph.FindActor(Actor.Bytes);
        int tip = actor < 0 ? -1 : Graph.TipOf(actor);
        int place = tip < 0 ? 0 : heads.BinarySearch(Graph.HashAt(tip));
        if (place >= 0) return heads.ToArray();
        ChangeHash[] deps = new ChangeHash[heads.Length + 1];
        heads[..~place].CopyTo(deps);
        deps[~place] = Graph.HashAt(tip);
        heads[~place..].CopyTo(deps.AsSpan(~place + 1));
        return deps;
    }

    // A change without operations may leave no counters out after its dependencies: what did operations would be missing in a save.
    private uint MaxOpOf(ChangeHash[] deps)
    {
        uint maxOp = 0;
        foreach (ref readonly ChangeHash dep in deps.AsSpan()) maxOp = Math.Max(maxOp, Graph.MaxOpOf(Graph.Find(dep)));
        return maxOp;
    }

    // An actor's change may follow these if all his others come before them.
    private bool MayFollow(ActorId author, ChangeHash[] deps)
    {
        int actor = Graph.FindActor(author.Bytes);
        return actor < 0 || Graph.TipOf(actor) < 0 || Graph.Covers(deps, Graph.TipOf(actor));
    }

    // 13 b2 23 09, the level as uleb, then the actor: what 3.5.0 names the author of a change made beside his own later ones.
    private static ActorId Derive(ActorId actor, ulong level)
    {
        byte[] derived = new byte[4 + Leb128.UnsignedLength(level) + actor.Bytes.Length];
        ReadOnlySpan<byte> prefix = [0x13, 0xb2, 0x23, 0x09];
        prefix.CopyTo(derived);
        int length = 4 + Leb128.WriteUnsigned(derived.AsSpan(4), level);
        actor.Bytes.CopyTo(derived.AsSpan(length));
        return new ActorId(derived);
    }

    private static ChangeHash[] Distinct(ChangeHash[] sorted)
    {
        int count = 0;
        foreach (ChangeHash hash in sorted)
        {
            if (count == 0 || sorted[count - 1] != hash) sorted[count++] = hash;
        }

        return sorted.Length == count ? sorted : sorted[..count];
    }

    private void CheckActor(ActorId actor)
    {
        if (actor.Bytes.Length > _options.ChangeLimits.MaxActorBytes)
            throw new DocumentException(DocumentError.WrongValue, $"actor {actor} is longer than {_options.ChangeLimits.MaxActorBytes} bytes");
    }

    private void DemandNoTransaction()
    {
        if (_open is not null) throw new DocumentException(DocumentError.WrongState, "a transaction is open");
    }

    private void DemandKnown(ReadOnlySpan<ChangeHash> heads)
    {
        foreach (ref readonly ChangeHash head in heads)
        {
            if (!Graph.Contains(head)) throw new DocumentException(DocumentError.NoSuchChange, $"change {head} is not in the document");
        }
    }
}
