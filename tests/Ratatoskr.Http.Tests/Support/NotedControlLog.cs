using System.Threading.Channels;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Http.Tests.Support;

/// <summary>Remembers what was appended and what was waited for; everything is in force at once.</summary>
internal sealed class NotedControlLog : IControlLog
{
    private readonly Lock _gate = new();
    private readonly List<ControlChange> _changes = [];
    private readonly HashSet<ulong> _awaited = [];

    /// <summary>Changes that somebody waited for.</summary>
    public IReadOnlyList<ControlChange> InForce
    {
        get
        {
            lock (_gate) return [.. _changes.Where((_, index) => _awaited.Contains((ulong)index + 1))];
        }
    }

    public Fence Current => new(1, (ulong)_changes.Count);

    public ChannelReader<ControlInput> Inputs => throw new NotSupportedException();

    public ValueTask<ControlNumber> AppendAsync(ControlChange change, CancellationToken stop)
    {
        lock (_gate)
        {
            _changes.Add(change);
            return ValueTask.FromResult(new ControlNumber((ulong)_changes.Count));
        }
    }

    public void Applied(ControlNumber number)
    {
    }

    public ValueTask InForceAsync(ControlNumber number, CancellationToken stop)
    {
        lock (_gate) _awaited.Add(number.Value);
        return ValueTask.CompletedTask;
    }
}
