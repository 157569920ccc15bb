using System.Diagnostics;
using Ratatoskr.Engine.Shards;

namespace Ratatoskr.Engine.Documents;

/// <summary>Inputs of a document that is being loaded or verified, in order. Their bytes count against the document's and the shard's limits.</summary>
/// <remarks>Owned by the document.</remarks>
internal sealed class WaitingInputs(Shard shard)
{
    private readonly Queue<ShardInput> _inputs = new(0);
    private ShardInput _first;
    private bool _hasFirst;
    private long _bytes;

    public int Count => _inputs.Count + (_hasFirst ? 1 : 0);

    /// <returns>false: too much waits already; the input is still the caller's.</returns>
    public bool TryEnqueue(in ShardInput input)
    {
        if (_bytes + input.Bytes > shard.Limits.DocumentWaitingBytesMax) return false;
        _bytes += input.Bytes;
        shard.HeldBytes += input.Bytes;
        _inputs.Enqueue(input);
        return true;
    }

    /// <summary>Puts the input that was just taken out back to the front: it must wait for something else.</summary>
    public void PutBack(in ShardInput input)
    {
        Debug.Assert(!_hasFirst, "one input is taken out at a time");
        _bytes += input.Bytes;
        shard.HeldBytes += input.Bytes;
        _first = input;
        _hasFirst = true;
    }

    public bool TryDequeue(out ShardInput input)
    {
        if (_hasFirst)
        {
            input = _first;
            _first = default;
            _hasFirst = false;
        }
        else if (!_inputs.TryDequeue(out input))
        {
            return false;
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
