using Microsoft.Extensions.Logging;

namespace Ratatoskr.Http.Tests.Support;

/// <summary>Log lines, to see that the operator is told what the person at the browser is not.</summary>
internal sealed class NotedLog : ILogger
{
    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];

    public string Text
    {
        get
        {
            lock (_gate) return string.Join('\n', _lines);
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_gate) _lines.Add(formatter(state, exception) + exception);
    }
}
