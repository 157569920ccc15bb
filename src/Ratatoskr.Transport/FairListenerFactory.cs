using System.Diagnostics.CodeAnalysis;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Ratatoskr.Transport;

/// <summary>
/// Listeners whose accept loop leaves the thread that polls the sockets, and goes to the end of the pool's queue after every few connections. Kestrel accepts
/// for as long as there is somebody to accept: where sockets wake code on the thread that polls them (<see cref="SocketThreads"/>), whoever connects without a
/// pause kept all other sockets waiting until he had done.
/// </summary>
internal sealed class FairListenerFactory(IConnectionListenerFactory inner) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => inner is not IConnectionListenerFactorySelector selector || selector.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new Listener(await inner.BindAsync(endpoint, cancellationToken).ConfigureAwait(false));

    /// <summary>One caller at a time.</summary>
    internal sealed class Listener(IConnectionListener inner) : IConnectionListener
    {
        /// <summary>Connections accepted in one go: about a millisecond of work with what each of them begins.</summary>
        internal const int AtOnceMax = 16;

        private int _atOnce;

        public EndPoint EndPoint => inner.EndPoint;

        public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            ValueTask<ConnectionContext?> accepted = inner.AcceptAsync(cancellationToken);
            if (accepted.IsCompleted && ++_atOnce < AtOnceMax) return accepted;
            _atOnce = 0;
            return OnPool(accepted);
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        [SuppressMessage("Reliability", "CA2012", Justification = "handed on, and awaited once")]
        private static async ValueTask<ConnectionContext?> OnPool(ValueTask<ConnectionContext?> accepting)
        {
            ConnectionContext? connection = await accepting.ConfigureAwait(false);
            await Task.Yield();         // no context here, so this means the pool's queue
            return connection;
        }
    }
}
