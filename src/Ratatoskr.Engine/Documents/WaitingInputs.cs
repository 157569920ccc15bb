using System.Diagnostics;
using System.Runtime.CompilerServices;
using Ratatoskr.Engine.Shards;

namespace Ratatoskr.Engine.Documents;

/// <summary>Inputs of a document that is being loaded or verified, in order. Their bytes count against the document's and the shard's limits.</summary>
/// <remarks>Owned by the document. An input is large and documents are many: what holds them is there while any waits.</remarks>
internal sealed class WaitingInputs(Shard shard)
{
    private Queue<ShardInput>? _inputs;
    private StrongBox<ShardInput>? _first;
    private long _bytes;

    public int Count => (_inputs?.Count ?? 0) + (_first is null ? 0 : 1);

    /// <summary>Of the input that comes out next; there is one.</summary>
    public int NextBytes => _first is { } first ? first.Value.Bytes : _inputs!.Peek().Bytes;

    /// <returns>false: too much waits already; the input is still the caller's.</returns>
    public bool TryEnqueue(in ShardInput input)
    {
        if (_bytes + input.Bytes > shard.Limits.DocumentWaitingBytesMax) return false;
        _bytes += input.Bytes;
        shard.HeldBytes += input.Bytes;
        (_inputs ??= new Queue<ShardInput>(1)).Enqueue(input);
        return true;
    }

    /// <summary>Puts the input that was just taken out back to the front: it must wait for something else.</summary>
    public void PutBack(in ShardInput input)
    {
        Debug.Assert(_first is null, "one input is taken out at a time");
        _bytes += input.Bytes;
        shard.HeldBytes += input.Bytes;
        _first = new StrongBox<ShardInput>(input);
    }

    public bool TryDequeue(out ShardInput input)
    {
        if (_first is { } first)
        {
            input = first.Value;
            _first = null;
        }
        else if (_inputs is null)
        {
            input = default;
            return false;
        }
        else
        {
            input = _inputs.Dequeue();
            if (_inputs.Count == 0) _inputs = null;
        }

        _bytes -= input.Bytes;
        shard.HeldBytes -= input.Bytes;
        return true;
    }

    public void Clear()
    {
        while (TryDequeue(out ShardInput input)) input.Payload!.Release();
    }
}
