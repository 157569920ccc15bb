using System.Threading.Channels;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Storage.Embedded;

/// <summary>
/// The control log of a node that is alone: epoch 1 for ever, a change binds as soon as this node's shards have applied it.
/// Kept in memory: the truth about grants and tokens lies in the accounts database, and a restart reads it anew.
/// </summary>
/// <remarks>
/// Safe on any thread. <see cref="Inputs"/> has one reader, which must keep reading: every number waits in it until read,
/// so its length is bounded by the changes in flight, each of which is an API call that waits for <see cref="InForceAsync"/>.
/// </remarks>
public sealed class EmbeddedControlLog : IControlLog
{
    private const ulong Epoch = 1;

    private readonly Lock _gate = new();
    private readonly Channel<ControlInput> _inputs = Channel.CreateUnbounded<ControlInput>(new UnboundedChannelOptions { SingleReader = true });
    private readonly PriorityQueue<TaskCompletionSource, ulong> _waiting = new();
    private ulong _last;
    private ulong _applied;

    public Fence Current => new(Epoch, Volatile.Read(ref _applied));

    public ChannelReader<ControlInput> Inputs => _inputs.Reader;

    /// <summary>Changes that are not in force yet. Any thread.</summary>
    public long Waiting => (long)(Volatile.Read(ref _last) - Volatile.Read(ref _applied));

    public ValueTask<ControlNumber> AppendAsync(ControlChange change, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(change);
        stop.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ControlNumber number = new(++_last);
            _inputs.Writer.TryWrite(new ControlChanged(number, change));
            return ValueTask.FromResult(number);
        }
    }

    public void Applied(ControlNumber number)
    {
        List<TaskCompletionSource>? inForce = null;
        lock (_gate)
        {
            if (number.Value > _last) throw new ArgumentOutOfRangeException(nameof(number), "applied before it was appended");
            if (number.Value <= _applied) return;
            Volatile.Write(ref _applied, number.Value);
            while (_waiting.TryPeek(out TaskCompletionSource? waiter, out ulong awaited) && awaited <= number.Value)
            {
                _waiting.Dequeue();
                (inForce ??= []).Add(waiter);
            }
        }

        if (inForce is null) return;
        foreach (TaskCompletionSource waiter in inForce) waiter.TrySetResult();
    }

    public ValueTask InForceAsync(ControlNumber number, CancellationToken stop)
    {
        TaskCompletionSource waiter;
        lock (_gate)
        {
            if (number.Value <= _applied) return ValueTask.CompletedTask;
            waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(waiter, number.Value);
        }

        return new ValueTask(waiter.Task.WaitAsync(stop));
    }
}
