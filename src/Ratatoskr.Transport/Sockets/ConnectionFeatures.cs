using System.Collections;
using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Http.Features;

namespace Ratatoskr.Transport.Sockets;

/// <summary>What a connection offers: what others have set, a handful, and what it is itself.</summary>
/// <remarks>One thread at a time.</remarks>
internal sealed class ConnectionFeatures(SocketConnection connection) : IFeatureCollection
{
    private KeyValuePair<Type, object>[] _set = new KeyValuePair<Type, object>[4];
    private int _count;

    public bool IsReadOnly => false;

    public int Revision { get; private set; }

    public object? this[Type key]
    {
        get => IndexOf(key) is >= 0 and int index ? _set[index].Value : key.IsInstanceOfType(connection) ? connection : null;
        set
        {
            Revision++;
            int index = IndexOf(key);
            if (value is null)
            {
                if (index >= 0) _set[index] = _set[--_count];
                return;
            }

            if (index < 0) index = _count++;
            if (index == _set.Length) Array.Resize(ref _set, index * 2);
            _set[index] = new KeyValuePair<Type, object>(key, value);
        }
    }

    [return: MaybeNull]
    public TFeature Get<TFeature>() => IndexOf(typeof(TFeature)) is >= 0 and int index ? (TFeature)_set[index].Value : connection is TFeature own ? own : default;

    public void Set<TFeature>(TFeature? instance) => this[typeof(TFeature)] = instance;

    public IEnumerator<KeyValuePair<Type, object>> GetEnumerator() => ((IEnumerable<KeyValuePair<Type, object>>)_set[.._count]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private int IndexOf(Type key)
    {
        for (int i = 0; i < _count; i++)
        {
            if (_set[i].Key == key) return i;
        }

        return -1;
    }
}
