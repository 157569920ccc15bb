using Microsoft.AspNetCore.Http;

namespace Ratatoskr.Http.Endpoints;

/// <summary>There is no room for the rest of an answer that is being made.</summary>
internal sealed class NoResponseRoomException : Exception;

/// <summary>What the answer of one request takes of the <see cref="ResponseRoom"/>, and how it is sent. Given back when the request is over.</summary>
/// <remarks>One caller at a time; the room may take it away at any moment, and aborts the request then.</remarks>
internal sealed class ResponsePlace : IDisposable
{
    // Kestrel copies what is written, and lets the writer wait when it holds 64 KiB (KestrelServerLimits.MaxResponseBufferSize). Half of that at a time.
    private const int StepLength = 32 << 10;

    private readonly ResponseRoom _room;
    private long _held;

    public ResponsePlace(ResponseRoom room, HttpContext context, string holder, long since)
    {
        (_room, Context, Holder, Since) = (room, context, holder, since);
        Node = new LinkedListNode<ResponsePlace>(this);
    }

    /// <summary>Whose request it is.</summary>
    public string Holder { get; }

    public HttpContext Context { get; }

    /// <summary>When the request came.</summary>
    public long Since { get; }

    /// <summary>Its place among the others; the room's to touch.</summary>
    public LinkedListNode<ResponsePlace> Node { get; }

    /// <summary>What it is charged; the room's to touch.</summary>
    public long Bytes { get; set; }

    /// <summary>Room for an answer that will have about this size. Less than a small answer takes no account.</summary>
    /// <returns>false: there is none.</returns>
    public bool TryExpect(long bytes) => bytes <= ResponseRoom.SmallBytes || _room.Grow(this, bytes, isBound: true);

    /// <summary>A piece more.</summary>
    /// <returns>false: there is no room for it.</returns>
    public bool TryAdd(long bytes)
    {
        if (!_room.Grow(this, _held + bytes, isBound: true)) return false;
        _held += bytes;
        return true;
    }

    /// <summary>More than was asked for, which the pool gave all the same.</summary>
    public void Add(long bytes) => _room.Grow(this, _held += bytes, isBound: false);

    /// <summary>A piece less. From the first one on nothing is expected any more.</summary>
    public void Remove(long bytes) => _room.Shrink(this, _held -= bytes);

    /// <summary>Sends bytes; waits for a reader that takes them slowly, and cuts one off that takes nothing.</summary>
    /// <exception cref="OperationCanceledException">The request has been aborted.</exception>
    public async Task SendAsync(HttpContext context, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int length = Math.Min(bytes.Length, StepLength);
            Task sending = context.Response.Body.WriteAsync(bytes[..length], context.RequestAborted).AsTask();
            if (!sending.IsCompleted) await _room.WaitAsync(context, sending).ConfigureAwait(false);
            await sending.ConfigureAwait(false);
            context.RequestAborted.ThrowIfCancellationRequested();
            bytes = bytes[length..];
        }
    }

    public void Dispose() => _room.Leave(this);
}
