using System.Collections;
using Automerge.Values;

namespace Automerge.Patches;

/// <summary>Keys and indexes that lead from the root to an object. Shares its beginning with the paths it was made from, so that paths in deep documents stay small.</summary>
/// <remarks>Immutable; safe on any thread. The indexer walks; enumerate or <see cref="ToArray"/> where all are wanted.</remarks>
public sealed class DocumentPath : IReadOnlyList<Prop>
{
    private DocumentPath(DocumentPath? parent, Prop last, int count) => (Parent, Last, Count) = (parent, last, count);

    /// <summary>The path of the root: none.</summary>
    public static DocumentPath Root { get; } = new(null, default, 0);

    /// <summary>The path without its last step; null for the root's.</summary>
    public DocumentPath? Parent { get; }

    /// <summary>The last step; meaningless for the root.</summary>
    public Prop Last { get; }

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public Prop this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            DocumentPath at = this;
            while (at.Count > index + 1) at = at.Parent!;
            return at.Last;
        }
    }

    /// <summary>The path one step further.</summary>
    public DocumentPath Add(Prop step) => new(this, step, Count + 1);

    /// <summary>All steps.</summary>
    public Prop[] ToArray()
    {
        Prop[] steps = new Prop[Count];
        for (DocumentPath at = this; at.Parent is not null; at = at.Parent) steps[at.Count - 1] = at.Last;
        return steps;
    }

    /// <inheritdoc/>
    public IEnumerator<Prop> GetEnumerator() => ((IEnumerable<Prop>)ToArray()).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Steps with slashes before them.</summary>
    public override string ToString() => Count == 0 ? "/" : string.Concat(ToArray().Select(step => $"/{step}"));
}
