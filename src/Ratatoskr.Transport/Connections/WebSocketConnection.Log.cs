using System.Net;
using Microsoft.Extensions.Logging;

namespace Ratatoskr.Transport.Connections;

internal sealed partial class WebSocketConnection
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Closing {Remote} with {Code}: {Why}")]
    private static partial void LogProtocolError(ILogger logger, IPAddress? remote, int code, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "Closing {Remote} after a fault of ours")]
    private static partial void LogFailed(ILogger logger, Exception exception, IPAddress? remote);

    [LoggerMessage(Level = LogLevel.Information, Message = "Closing {Remote}, which reads too slowly: {QueuedBytes} bytes wait for it")]
    private static partial void LogOverflow(ILogger logger, IPAddress? remote, long queuedBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "Closing {Remote}: no hello in time")]
    private static partial void LogNoHello(ILogger logger, IPAddress? remote);

    [LoggerMessage(Level = LogLevel.Information, Message = "Cutting {Remote}, silent for {SilentMs} ms")]
    private static partial void LogDead(ILogger logger, IPAddress? remote, long silentMs);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Remote} closed with {Code}")]
    private static partial void LogClosed(ILogger logger, IPAddress? remote, int code);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Remote} is gone: {Why}")]
    private static partial void LogGone(ILogger logger, IPAddress? remote, string why);
}
