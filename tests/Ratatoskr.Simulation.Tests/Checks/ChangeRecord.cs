using Automerge.Changes;
using Ratatoskr.Simulation.Tests.Peers;

namespace Ratatoskr.Simulation.Tests.Checks;

/// <summary>A change that somebody has made.</summary>
/// <param name="author">Null for one that the API made, or another program.</param>
/// <param name="user">On whose behalf.</param>
internal sealed class ChangeRecord(ChangeHash hash, int row, SimulatedPeer? author, string user, string? credential)
{
    public ChangeHash Hash => hash;

    /// <summary>In the audit's own graph of the document.</summary>
    public int Row => row;

    public SimulatedPeer? Author => author;

    public string User => user;

    /// <summary>The credential under which it was made, or last offered; null when that does not matter.</summary>
    public string? Credential { get; set; } = credential;

    /// <summary>Others have been shown it, and may bring it themselves.</summary>
    public bool IsKnownElsewhere { get; set; }

    /// <summary>Its author was told that it is safe.</summary>
    public bool IsConfirmed { get; set; }

    /// <summary>When the store was first asked to keep it; 0: never.</summary>
    public int StoredFrom { get; set; }
}
