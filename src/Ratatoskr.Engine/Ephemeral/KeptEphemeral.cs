using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Documents;

namespace Ratatoskr.Engine.Ephemeral;

/// <summary>A whole ephemeral message for one slow reader; owns a reference to its bytes.</summary>
internal readonly record struct KeptEphemeral(SharedBuffer Message, PeerLink Link);
