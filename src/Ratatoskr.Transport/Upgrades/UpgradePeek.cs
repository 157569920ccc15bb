using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Protocol.WebSockets;
using Ratatoskr.Transport.Connections;
using Ratatoskr.Transport.Sockets;

namespace Ratatoskr.Transport.Upgrades;

/// <summary>
/// Before Kestrel's HTTP stack: looks at the first request of a connection. An upgrade to a sync path is served here, from the socket's own
/// pipes; everything else goes on unread, when the head of the request is there or is no such thing, so ordinary HTTP keeps Kestrel's behaviour and limits.
/// </summary>
internal sealed class UpgradePeek(SyncTransport transport)
{
    private readonly UpgradeLimits _limits = UpgradeLimits.Default with { HeadLengthMax = transport.Options.UpgradeBytesMax };

    private enum Verdict
    {
        Http,
        Upgrade,
        Refuse,
        TimedOut,
        GaveWay,
        Gone,
    }

    /// <returns>Whether it is HTTP's, with all that has come. If not, it is through.</returns>
    public async Task<bool> IsForHttpAsync(ConnectionContext context)
    {
        (Verdict verdict, UpgradeRequest? request, UpgradeRefusal refusal) = await PeekAsync(context).ConfigureAwait(false);
        switch (verdict)
        {
            case Verdict.Http:
                (context as SocketConnection)?.WakesOn = PipeScheduler.ThreadPool;
                return true;
            case Verdict.Upgrade:
                (context as SocketConnection)?.WakesOn = null;
                await ServeAsync(context, request!).ConfigureAwait(false);
                break;
            case Verdict.Refuse:
                await RefuseAsync(context, refusal.Status, refusal.Reason).ConfigureAwait(false);
                break;
            case Verdict.TimedOut:
                await RefuseAsync(context, 408, "the request did not arrive in time").ConfigureAwait(false);
                break;
            case Verdict.GaveWay:
                await RefuseAsync(context, 503, "too many requests are arriving").ConfigureAwait(false);
                break;
        }

        return false;
    }

    // Leaves the input consumed up to the first frame for an upgrade, and untouched for HTTP.
    private async Task<(Verdict Verdict, UpgradeRequest? Request, UpgradeRefusal Refusal)> PeekAsync(ConnectionContext context)
    {
        PipeReader input = context.Transport.Input;
        Pending? pending = null;
        long seen = 0;
        try
        {
            while (true)
            {
                ValueTask<ReadResult> read = input.ReadAsync();
                if (!read.IsCompleted && pending is null) pending = Pending.Begin(transport, input);
                ReadResult result = await read.ConfigureAwait(false);
                ReadOnlySequence<byte> buffer = result.Buffer;
                UpgradeOutcome outcome = Examine(buffer, _limits, out UpgradeRequest? request, out int headLength, out UpgradeRefusal refusal);
                switch (outcome)
                {
                    case UpgradeOutcome.NotAnUpgrade when RequestHead.IsUnfinished(buffer, seen, _limits.HeadLengthMax):
                        break;
                    case UpgradeOutcome.NotAnUpgrade:
                        // Examined to where we looked before: a pipe does not take that back, and what is new there wakes the next reader at once.
                        input.AdvanceTo(buffer.Start, buffer.GetPosition(seen));
                        return (Verdict.Http, null, default);
                    case UpgradeOutcome.Upgrade:
                        input.AdvanceTo(buffer.GetPosition(headLength));
                        return (Verdict.Upgrade, request, default);
                    case UpgradeOutcome.Malformed:
                        input.AdvanceTo(buffer.End);
                        return (Verdict.Refuse, null, refusal);
                }

                seen = buffer.Length;
                input.AdvanceTo(buffer.Start, buffer.End);
                if (result.IsCompleted) return (Verdict.Gone, null, default);

                if (!result.IsCanceled)
                {
                    // A head in pieces is nobody's who is in a hurry; thousands of them, a byte at a time, would keep the poller from everybody else's edits.
                    (context as SocketConnection)?.WakesOn = transport.Options.BusyScheduler;
                    continue;
                }

                if (seen > 0) return (pending!.GivesWay ? Verdict.GaveWay : Verdict.TimedOut, null, default);

                // Nobody has said a word: Kestrel has a time-out for that too (keep-alive), and browsers open connections ahead of use.
                if (!pending!.GivesWay && !transport.Pending.AreMany) return (Verdict.Http, null, default);
                transport.Metrics.Refused(503);
                return (Verdict.Gone, null, default);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return (Verdict.Gone, null, default);       // reset, or aborted by a stop
        }
        finally
        {
            pending?.End();
        }
    }

    private static UpgradeOutcome Examine(
        in ReadOnlySequence<byte> buffer, UpgradeLimits limits, out UpgradeRequest? request, out int headLength, out UpgradeRefusal refusal)
    {
        request = null;
        headLength = 0;
        refusal = default;
        return SyncPaths.MayBegin(buffer)
            ? UpgradeRequest.Parse(buffer, limits, out request, out headLength, out refusal)
            : UpgradeOutcome.NotAnUpgrade;
    }

    private async Task ServeAsync(ConnectionContext context, UpgradeRequest request)
    {
        Debug.Assert(SyncPaths.Contains(request.Path), "the peek looked at the path");
        if (!transport.Options.Allows(request.Origin, request.Host))
        {
            await RefuseAsync(context, 403, "pages of this origin may not connect").ConfigureAwait(false);
            return;
        }

        if (transport.TryEnter() is { } busy)
        {
            await RefuseAsync(context, 503, busy).ConfigureAwait(false);
            return;
        }

        bool granted;
        using (TransportMetrics.Traces.StartActivity("upgrade", ActivityKind.Server))
        {
            // Flushed by itself: the client speaks first, so there is nothing to send along.
            PipeWriter output = context.Transport.Output;
            output.Advance(UpgradeResponse.Write(output.GetSpan(UpgradeResponse.LengthMax), request.Key));
            granted = await TryFlushAsync(output).ConfigureAwait(false);
        }

        if (!granted)
        {
            transport.Leave();
            return;
        }

        IPAddress? remote = (context.RemoteEndPoint as IPEndPoint)?.Address;
        WebSocketConnection connection = new(transport, context.Transport, context.Abort, remote);
        await transport.RunAsync(connection, Info(context, request, remote)).ConfigureAwait(false);
        transport.AbortIfNotClosedInTime(context);
    }

    private static async ValueTask<bool> TryFlushAsync(PipeWriter output)
    {
        try
        {
            return !(await output.FlushAsync().ConfigureAwait(false)).IsCompleted;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return false;       // the peer is gone
        }
    }

    private async Task RefuseAsync(ConnectionContext context, int status, string reason)
    {
        transport.Metrics.Refused(status);
        PipeWriter output = context.Transport.Output;
        output.Advance(UpgradeResponse.WriteRefusal(output.GetSpan(UpgradeResponse.LengthMax), status, reason));
        await TryFlushAsync(output).ConfigureAwait(false);
        transport.AbortIfNotClosedInTime(context);
    }

    private static ConnectionInfo Info(ConnectionContext context, UpgradeRequest request, IPAddress? remote) => new()
    {
        RemoteAddress = remote,
        IsSecure = context.Features.Get<ITlsHandshakeFeature>() is not null,
        Path = request.Path,
        Query = request.Query,
        Host = request.Host,
        Origin = request.Origin,
        Authorization = request.Authorization,
        ForwardedFor = request.ForwardedFor,
    };

    /// <summary>A peek that waits: until its time is over, or its place is needed.</summary>
    internal sealed class Pending : Swept
    {
        private readonly SyncTransport _transport;
        private readonly PipeReader _input;
        private readonly long _deadlineMs;
        private readonly Lock _gate = new();
        private bool _ended;

        private Pending(SyncTransport transport, PipeReader input)
        {
            _transport = transport;
            _input = input;
            _deadlineMs = transport.NowMs + (long)transport.Options.UpgradeTimeout.TotalMilliseconds;
            Node = new LinkedListNode<Pending>(this);
        }

        /// <summary>Its place among the others; theirs to touch.</summary>
        public LinkedListNode<Pending> Node { get; }

        public bool GivesWay { get; private set; }

        public static Pending Begin(SyncTransport transport, PipeReader input)
        {
            Pending pending = new(transport, input);
            transport.Table.Add(pending);
            transport.Pending.Add(pending);
            return pending;
        }

        public override void Sweep(long nowMs)
        {
            if (nowMs >= _deadlineMs) Wake();
        }

        /// <summary>A newcomer takes its place.</summary>
        public void GiveWay()
        {
            GivesWay = true;
            Wake();
        }

        /// <summary>After this the reads of whoever comes next are safe from a sweep under way.</summary>
        public void End()
        {
            _transport.Table.Remove(this);
            _transport.Pending.Remove(this);
            lock (_gate) _ended = true;
        }

        private void Wake()
        {
            lock (_gate)
            {
                if (!_ended) _input.CancelPendingRead();
            }
        }
    }
}
