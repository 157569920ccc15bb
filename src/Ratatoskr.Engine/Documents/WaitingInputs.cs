using System.Diagnostics;
using System.Runtime.CompilerServices;
using Ratatoskr.Engine.Shards;

namespace Ratatoskr.Engine.Documents;

/// <summary>A message that waits for its document, and the link it came by: its session may have left meanwhile.</summary>
internal readonly record struct WaitingInput(PeerLink Link, ShardInput Input);

/// <summary>Inputs of a document that is being loaded or verified, in order. Their bytes count against the document's and the shard's limits.</summary>
/// <remarks>Owned by the document. An input is large and documents are many: what holds them is there while any waits.</remarks>
internal sealed class WaitingInputs(Shard shard)
{
    private Queue<WaitingInput>? _inputs;
    private StrongBox<WaitingInput>? _first;
    private long _bytes;

    public int Count => (_inputs?.Count ?? 0) + (_first is null ? 0 : 1);

    /// <summary>Of the input that comes out next; there is one.</summary>
    public int NextBytes => _first is { } first ? first.Value.Input.Bytes : _inputs!.Peek().Input.Bytes;

    /// <returns>false: too much waits already; the input is still the caller's.</returns>
    public bool TryEnqueue(PeerLink link, in ShardInput input)
    {
        if (_bytes + input.Bytes > shard.Limits.DocumentWaitingBytesMax) return false;
        Keep(link, input);
        (_inputs ??= new Queue<WaitingInput>(1)).Enqueue(new WaitingInput(link, input));
        return true;
    }

    /// <summary>Puts the input that was just taken out back to the front: it must wait for something else.</summary>
    public void PutBack(PeerLink link, in ShardInput input)
    {
        Debug.Assert(_first is null, "one input is taken out at a time");
        Keep(link, input);
        _first = new StrongBox<WaitingInput>(new WaitingInput(link, input));
    }

    public bool TryDequeue(out WaitingInput waiting)
    {
        if (_first is { } first)
        {
            waiting = first.Value;
            _first = null;
        }
        else if (_inputs is null)
        {
            waiting = default;
            return false;
        }
        else
        {
            waiting = _inputs.Dequeue();
            if (_inputs.Count == 0) _inputs = null;
        }

        waiting.Link.WaitingInputs--;
        _bytes -= waiting.Input.Bytes;
        shard.HeldBytes -= waiting.Input.Bytes;
        return true;
    }

    public void Clear()
    {
        while (TryDequeue(out WaitingInput waiting)) waiting.Input.Payload!.Release();
    }

    private void Keep(PeerLink link, in ShardInput input)
    {
        link.WaitingInputs++;
        _bytes += input.Bytes;
        shard.HeldBytes += input.Bytes;
    }
}
