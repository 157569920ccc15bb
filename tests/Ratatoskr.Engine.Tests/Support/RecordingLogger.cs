using Microsoft.Extensions.Logging;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>Keeps what is logged, so that a test can demand silence.</summary>
internal sealed class RecordingLogger : ILogger
{
    private readonly List<(LogLevel Level, string Text)> _lines = [];

    public IReadOnlyList<(LogLevel Level, string Text)> Lines => _lines;

    /// <summary>Lines that say the engine met a bug of its own.</summary>
    public IEnumerable<string> Critical => _lines.Where(l => l.Level == LogLevel.Critical).Select(l => l.Text);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lines) _lines.Add((logLevel, formatter(state, exception) + (exception is null ? "" : $": {exception}")));
    }
}
