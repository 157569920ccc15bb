using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Documents;

/// <summary>Writes the change columns of a document: one row per change, in the order in which this replica took them in.</summary>
/// <remarks>One owner, one thread; <see cref="Dispose"/> gives the memory back.</remarks>
internal sealed class ChangeColumnsWriter : IDisposable
{
    private readonly IntegerColumnWriter _actors = new(signed: false);
    private readonly DeltaColumnWriter _sequences = new();
    private readonly DeltaColumnWriter _maxOps = new();
    private readonly DeltaColumnWriter _times = new();
    private readonly StringColumnWriter _messages = new();
    private readonly IntegerColumnWriter _dependencyCounts = new(signed: false);
    private readonly DeltaColumnWriter _dependencyRows = new();
    private readonly IntegerColumnWriter _extraMetadata = new(signed: false);
    private readonly PooledBuffer _extraBytes = new();

    /// <param name="graph">The changes.</param>
    /// <param name="log">The rest of them.</param>
    /// <param name="actors">Index in the document's list of each actor of the graph.</param>
    /// <param name="target">Where the columns go.</param>
    /// <exception cref="OverflowException">Two neighbours' times lie 2⁶³ or more apart, which the format cannot say.</exception>
    public void Write(ChangeGraph graph, ChangeLog log, ReadOnlySpan<int> actors, DocumentColumnsWriter target)
    {
        for (int row = 0; row < graph.Count; row++)
        {
            _actors.Append(actors[graph.ActorOf(row)]);
            _sequences.Append(graph.SeqOf(row));
            _maxOps.Append(graph.MaxOpOf(row));
            _times.Append(log.TimeOf(row));

            // A change cannot tell an empty message from none. 3.5.0 writes empty ones for changes just made with one, and none once they were read from their bytes.
            ReadOnlySpan<byte> message = log.MessageOf(row);
            if (message.IsEmpty) _messages.AppendNulls(1);
            else _messages.Append(message);

            ReadOnlySpan<int> deps = graph.DepsOf(row);
            _dependencyCounts.Append(deps.Length);
            foreach (int dep in deps) _dependencyRows.Append(dep);

            ReadOnlySpan<byte> extra = log.ExtraOf(row);
            _extraMetadata.Append(((long)extra.Length << 4) | ScalarCode.Bytes);
            _extraBytes.WriteBytes(extra);
        }

        target.Add(ColumnSpec.Actor, _actors.Finish());
        target.Add(ColumnSpec.Sequence, _sequences.Finish());
        target.Add(ColumnSpec.MaxOp, _maxOps.Finish());
        target.Add(ColumnSpec.Time, _times.Finish());
        target.Add(ColumnSpec.Message, _messages.Finish());
        target.Add(ColumnSpec.DependencyCount, _dependencyCounts.Finish());
        target.Add(ColumnSpec.DependencyRow, _dependencyRows.Finish());
        target.Add(ColumnSpec.ExtraMetadata, _extraMetadata.Finish());
        target.Add(ColumnSpec.ExtraBytes, _extraBytes.Written);
        target.End();
    }

    public void Dispose()
    {
        _actors.Dispose();
        _sequences.Dispose();
        _maxOps.Dispose();
        _times.Dispose();
        _messages.Dispose();
        _dependencyCounts.Dispose();
        _dependencyRows.Dispose();
        _extraMetadata.Dispose();
        _extraBytes.Dispose();
    }
}
