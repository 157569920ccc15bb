using Automerge.Changes;

namespace Automerge.Documents;

/// <summary>
/// Receives the changes of a document, in the order of its rows, which is one in which dependencies come first.
/// </summary>
/// <remarks>
/// The document's heads can only be compared after the last change: until <see cref="DocumentReader"/> has returned well,
/// nothing reported here may be relied on.
/// </remarks>
public interface IDocumentSink
{
    /// <summary>Called once, before the first change.</summary>
    /// <param name="actors">All actors, ascending; changes name them by index.</param>
    /// <param name="changeCount">Changes to come.</param>
    void Begin(IReadOnlyList<ActorId> actors, int changeCount);

    /// <summary>Whether the bytes of a change are wanted.</summary>
    bool WantsBytes(int row);

    /// <summary>One change.</summary>
    /// <param name="row">Its row, from 0.</param>
    /// <param name="actor">Index of its author.</param>
    /// <param name="header">What it says about itself; valid during the call.</param>
    /// <param name="depRows">Rows of its dependencies, in the order of the header's.</param>
    /// <param name="bytes">The change chunk, valid during the call; empty when not wanted.</param>
    void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes);
}
