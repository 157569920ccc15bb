namespace Ratatoskr.Transport.Sockets;

/// <summary>Somebody who wants to know what becomes of a descriptor.</summary>
internal interface IPolled
{
    /// <summary>On the poller's thread, which others wait for.</summary>
    /// <param name="events">As epoll says it: <see cref="Linux.Readable"/> and the others.</param>
    void OnEvents(uint events);
}
