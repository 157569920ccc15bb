using Ratatoskr.Engine.Access;

namespace Ratatoskr.Engine.Documents;

/// <summary>An access question that could not be answered from memory, on its way, and back with its answer.</summary>
/// <param name="document">Who asks, by identity: another actor may have the same document by the time the answer comes.</param>
/// <param name="version">The document's access as it was asked about.</param>
internal sealed class AccessQuestion(DocumentActor document, PeerLink link, uint version)
{
    public DocumentActor Document { get; } = document;

    public PeerLink Link { get; } = link;

    public uint Version { get; } = version;

    public AccessDecision Answer { get; set; }

    /// <summary>Why there is no answer.</summary>
    public Exception? Error { get; set; }
}
