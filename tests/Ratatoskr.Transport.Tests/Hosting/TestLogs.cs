using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Ratatoskr.Transport.Tests.Hosting;

/// <summary>Keeps what was logged at Information and above.</summary>
internal sealed class TestLogs : ILoggerProvider, ILogger
{
    public ConcurrentQueue<string> Lines { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel)) Lines.Enqueue($"{logLevel}: {formatter(state, exception)} {exception?.Message}");
    }

    public void Dispose()
    {
    }
}
