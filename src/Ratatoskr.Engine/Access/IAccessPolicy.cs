using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Access;

/// <summary>What a principal may do with a document.</summary>
[Flags]
public enum Permission : byte
{
    None = 0,
    Read = 1,
    Write = 2,
}

/// <summary>An answer to the access question, good until the document's access version moves.</summary>
/// <param name="AuthorisedUnder">The control-log state it was made under; travels with every append it allows.</param>
public readonly record struct AccessDecision(Permission Permission, Fence AuthorisedUnder)
{
    public bool MayRead => (Permission & Permission.Read) != 0;

    public bool MayWrite => (Permission & Permission.Write) != 0;
}

/// <summary>
/// The access question. Every frame asks it; the shard caches the answer per session and document and asks again
/// when a control input has moved the document's access version.
/// </summary>
/// <remarks>Called on shard loops: answers from memory, never blocks. Safe on any thread.</remarks>
public interface IAccessPolicy
{
    AccessDecision Decide(Principal principal, DocumentId document);

    /// <summary>Whether a new connection of <paramref name="newcomer"/> may take over a peer id that <paramref name="holder"/> uses.</summary>
    bool MayReplace(Principal holder, Principal newcomer);
}

/// <summary><c>ACCESS_MODE=open</c>: whoever knows an id may read and write, and a returning peer replaces its old connection.</summary>
public sealed class OpenAccessPolicy(IControlLog control) : IAccessPolicy
{
    public AccessDecision Decide(Principal principal, DocumentId document) => new(Permission.Read | Permission.Write, control.Current);

    public bool MayReplace(Principal holder, Principal newcomer) => true;
}
