using Microsoft.Extensions.Logging;
using Ratatoskr.Simulation.Tests.Plans;

namespace Ratatoskr.Simulation.Tests.Servers;

/// <summary>A line that says the engine met a bug of its own ends the schedule; the others are part of its story.</summary>
internal sealed class SimulationLogger(Action<string>? trace) : ILogger
{
    /// <summary>The first bug the engine has met; null for none.</summary>
    public string? Bug { get; private set; }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Critical || trace is not null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (logLevel >= LogLevel.Critical) Bug ??= $"{formatter(state, exception)}: {exception}";
        else trace?.Invoke($"    log: {formatter(state, exception)}{(exception is null ? "" : $" ({exception.Message})")}");
    }

    public void Check()
    {
        if (Bug is not null) throw new PromiseBrokenException("invariant", Bug);
    }
}
