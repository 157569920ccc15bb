using System.Text;
using Automerge.Changes;

namespace Automerge.Documents;

/// <summary>A change of a document, without its operations.</summary>
/// <param name="Hash">Its identity.</param>
/// <param name="Actor">Who made it.</param>
/// <param name="Seq">Which of its actor's it is, from 1.</param>
/// <param name="StartOp">Counter of its first operation.</param>
/// <param name="OperationCount">Operations in it.</param>
/// <param name="Time">When it was made, as its author says: seconds since 1970 by convention.</param>
/// <param name="Message">Why it was made; null for nothing said.</param>
/// <param name="Deps">The changes that it follows.</param>
public sealed record ChangeInfo(ChangeHash Hash, ActorId Actor, uint Seq, uint StartOp, uint OperationCount, long Time, string? Message, IReadOnlyList<ChangeHash> Deps);

public sealed partial class Document
{
    /// <summary>All changes in the order in which they came here: each after those it follows.</summary>
    public IEnumerable<ChangeInfo> History
    {
        get
        {
            for (int row = 0; row < Graph.Count; row++) yield return InfoOf(row);
        }
    }

    /// <summary>What a change says about itself; null when the document does not have it.</summary>
    public ChangeInfo? Info(in ChangeHash hash)
    {
        int row = Graph.Find(hash);
        return row < 0 ? null : InfoOf(row);
    }

    private ChangeInfo InfoOf(int row)
    {
        ReadOnlySpan<int> depRows = Graph.DepsOf(row);
        ChangeHash[] deps = new ChangeHash[depRows.Length];
        for (int i = 0; i < deps.Length; i++) deps[i] = Graph.HashAt(depRows[i]);
        ReadOnlySpan<byte> message = Log.MessageOf(row);
        return new ChangeInfo(
            Graph.HashAt(row),
            new ActorId(Graph.ActorAt(Graph.ActorOf(row))),
            Graph.SeqOf(row),
            Graph.StartOpOf(row),
            Graph.MaxOpOf(row) + 1 - Graph.StartOpOf(row),
            Log.TimeOf(row),
            message.IsEmpty ? null : Encoding.UTF8.GetString(message),
            deps);
    }
}
