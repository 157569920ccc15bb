using System.Threading.Channels;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Storage;

/// <summary>
/// Who may write, and what all must know: grants, tombstones, token and settings changes go through it in one order.
/// Embedded: epoch 1 for ever, the barrier falls as soon as the shards have applied.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public interface IControlLog
{
    /// <summary>Epoch and the last change that all shards have applied.</summary>
    Fence Current { get; }

    ValueTask<ControlNumber> AppendAsync(ControlChange change, CancellationToken stop);

    ChannelReader<ControlInput> Inputs { get; }

    /// <summary>All shards have applied everything up to <paramref name="number"/>.</summary>
    void Applied(ControlNumber number);

    /// <summary>Completes when <paramref name="number"/> binds everywhere: what "revoked" waits for before it is answered.</summary>
    ValueTask InForceAsync(ControlNumber number, CancellationToken stop);
}

/// <summary>A change's place in the control log, from 1.</summary>
public readonly record struct ControlNumber(ulong Value);

public enum ControlSubject : byte
{
    /// <summary>Access to <see cref="ControlChange.Document"/> changed.</summary>
    Access,

    /// <summary><see cref="ControlChange.Document"/> was registered.</summary>
    Registered,

    /// <summary><see cref="ControlChange.Document"/> was deleted.</summary>
    Deleted,

    /// <summary>The principal or session named by <see cref="ControlChange.Subject"/> was revoked.</summary>
    Revoked,

    /// <summary>Settings changed.</summary>
    Settings,
}

/// <param name="Document">Default when the change concerns no document.</param>
/// <param name="Subject">A principal, session or token id; empty when the change concerns none.</param>
public sealed record ControlChange(ControlSubject Kind, DocumentId Document, string Subject);

public abstract record ControlInput;

/// <summary>In order of <paramref name="Number"/>, none left out.</summary>
public sealed record ControlChanged(ControlNumber Number, ControlChange Change) : ControlInput;

/// <summary>This node may no longer write.</summary>
public sealed record LeaseLost : ControlInput;

/// <summary>This node may write again, under a new epoch.</summary>
public sealed record Rejoined(Fence Fence) : ControlInput;
