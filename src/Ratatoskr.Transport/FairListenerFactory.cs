using System.Diagnostics.CodeAnalysis;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Ratatoskr.Transport;

/// <summary>
/// Listeners whose accept loop leaves the thread that polls the sockets, and goes to the end of the pool's queue after every few connections. Kestrel accepts
/// for as long as there is somebody to accept: where sockets wake code on the thread that polls them (<see cref="SocketThreads"/>), whoever connects without a
/// pause kept all other sockets waiting until he had done. While many connections have not said what they are, it pauses as well: others come by thousands, and wait in the
/// kernel's queue for a moment, instead of everybody here for all of them.
/// </summary>
/// <param name="areMany">Whether many connections have not said yet what they are.</param>
internal sealed class FairListenerFactory(IConnectionListenerFactory inner, Func<bool> areMany, TimeProvider time) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => inner is not IConnectionListenerFactorySelector selector || selector.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new Listener(await inner.BindAsync(endpoint, cancellationToken).ConfigureAwait(false), areMany, time);

    /// <summary>One caller at a time.</summary>
    internal sealed class Listener(IConnectionListener inner, Func<bool> areMany, TimeProvider time) : IConnectionListener
    {
        /// <summary>Connections accepted in one go: about a millisecond of work with what each of them begins.</summary>
        internal const int AtOnceMax = 16;

        // About a quarter of a core is left to connections then, 5,000 a second.
        private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(3);

        private int _atOnce;

        public EndPoint EndPoint => inner.EndPoint;

        public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            ValueTask<ConnectionContext?> accepted = inner.AcceptAsync(cancellationToken);
            if (accepted.IsCompleted && ++_atOnce < AtOnceMax) return accepted;
            bool pauses = accepted.IsCompleted && areMany();
            _atOnce = 0;
            return OnPool(accepted, pauses);
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        [SuppressMessage("Reliability", "CA2012", Justification = "handed on, and awaited once")]
        private async ValueTask<ConnectionContext?> OnPool(ValueTask<ConnectionContext?> accepting, bool pauses)
        {
            ConnectionContext? connection = await accepting.ConfigureAwait(false);
            if (pauses) await Task.Delay(Pause, time, CancellationToken.None).ConfigureAwait(false);
            await Task.Yield();         // no context here, so this means the pool's queue
            return connection;
        }
    }
}
