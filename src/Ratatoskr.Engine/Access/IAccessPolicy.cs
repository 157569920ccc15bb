using Ratatoskr.Engine.Limits;
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

/// <summary>An answer to the access question. Good until the document's access changes or <see cref="ExpiresAt"/>; the default value allows nothing and is never good.</summary>
/// <param name="AuthorisedUnder">The control-log state it was made under; travels with every append it allows.</param>
public readonly record struct AccessDecision(Permission Permission, Fence AuthorisedUnder)
{
    /// <summary>The document is registered and has not expired. Where nobody registers documents, all exist.</summary>
    public bool Exists { get; init; } = true;

    public bool IsOwner { get; init; }

    /// <summary>When something it rests upon expires: then the question is to be asked again.</summary>
    public Timestamp ExpiresAt { get; init; } = Timestamp.Never;

    /// <summary>Whom the document's bytes are counted against; null where nobody counts, and for those who may not write.</summary>
    public OwnerAccount? Account { get; init; }

    /// <summary>The document's bytes as its record says.</summary>
    public long RecordedBytes { get; init; }

    public bool MayRead => (Permission & Permission.Read) != 0;

    public bool MayWrite => (Permission & Permission.Write) != 0;
}

/// <summary>What happens when a peer id is wanted that another connection uses.</summary>
public enum Takeover : byte
{
    Refuse,

    /// <summary>The newcomer is who the holder was: a connection that broke unseen.</summary>
    Replace,

    /// <summary>Only if the holder does not answer any more. Ids are visible to others: nobody is to be thrown out by a stranger.</summary>
    IfSilent,
}

/// <summary>
/// The access question. Every frame asks it; the shard keeps the answer per session and document and asks again when a control input has moved the document's access.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public interface IAccessPolicy
{
    /// <summary>Answers from memory. Called on shard loops: short, never blocks.</summary>
    /// <returns>false: only <see cref="DecideAsync"/> can tell.</returns>
    bool TryDecide(Principal principal, DocumentId document, Timestamp now, out AccessDecision decision);

    ValueTask<AccessDecision> DecideAsync(Principal principal, DocumentId document, Timestamp now, CancellationToken stop);

    /// <summary>What this change concerns is forgotten, also answers that are being made. Called before any shard hears of the change.</summary>
    void Changed(ControlChange change);

    /// <summary>Whether a new connection of <paramref name="newcomer"/> may take over a peer id that <paramref name="holder"/> uses.</summary>
    Takeover MayReplace(Principal holder, Principal newcomer);
}

/// <summary><c>ACCESS_MODE=open</c>: whoever knows an id may read and write, and a returning peer replaces its old connection.</summary>
public sealed class OpenAccessPolicy(IControlLog control) : IAccessPolicy
{
    public bool TryDecide(Principal principal, DocumentId document, Timestamp now, out AccessDecision decision)
    {
        decision = new AccessDecision(Permission.Read | Permission.Write, control.Current);
        return true;
    }

    public ValueTask<AccessDecision> DecideAsync(Principal principal, DocumentId document, Timestamp now, CancellationToken stop) =>
        ValueTask.FromResult(new AccessDecision(Permission.Read | Permission.Write, control.Current));

    public void Changed(ControlChange change)
    {
    }

    public Takeover MayReplace(Principal holder, Principal newcomer) => Takeover.Replace;
}
