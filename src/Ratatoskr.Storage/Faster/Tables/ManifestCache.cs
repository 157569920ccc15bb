using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>
/// Manifests of the documents being written, decoded, in two generations: what is asked for moves to the young one; when that is full, the old one is forgotten.
/// </summary>
/// <remarks>The writer thread's. Nothing is forgotten except by <see cref="Age"/>, so a group can rely on its manifests.</remarks>
internal sealed class ManifestCache(int countMax)
{
    private Dictionary<DocumentId, Manifest> _young = [];
    private Dictionary<DocumentId, Manifest> _old = [];

    public bool TryGet(DocumentId id, out Manifest manifest)
    {
        if (_young.TryGetValue(id, out Manifest? found) || _old.Remove(id, out found))
        {
            manifest = found;
            _young[id] = found;
            return true;
        }

        manifest = null!;
        return false;
    }

    public void Add(DocumentId id, Manifest manifest) => _young.Add(id, manifest);

    /// <summary>Between two groups: makes room.</summary>
    public void Age()
    {
        if (_young.Count <= countMax / 2) return;
        (_old, _young) = (_young, _old);
        _young.Clear();
    }

    public void Clear()
    {
        _young.Clear();
        _old.Clear();
    }
}
