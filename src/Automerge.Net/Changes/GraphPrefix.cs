namespace Automerge.Changes;

/// <summary>
/// The first rows of a <see cref="ChangeGraph"/>, to be read by another thread while the graph's owner adds to it. Taking it costs nothing, for rows stay as they are once
/// they are there; it keeps the graph's memory.
/// </summary>
/// <remarks>Immutable; safe on any thread.</remarks>
public sealed class GraphPrefix
{
    // A shallow copy. Arrays that the graph outgrows are left as they were, and in those it shares it writes behind these rows, or what is not read here:
    // a row's first child, an actor's tip.
    private readonly ChangeGraph _graph;

    internal GraphPrefix(ChangeGraph graph, int count) => (_graph, Count) = (graph, count);

    /// <summary>Rows.</summary>
    public int Count { get; }

    /// <summary>A graph of its own that has these rows and no others.</summary>
    internal ChangeGraph Copy(ulong key, ChangeGraphLimits limits) => _graph.CopyFirst(Count, key, limits);
}
