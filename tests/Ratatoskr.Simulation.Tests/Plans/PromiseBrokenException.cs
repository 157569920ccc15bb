namespace Ratatoskr.Simulation.Tests.Plans;

/// <summary>A promise of the server does not hold.</summary>
/// <param name="promise">Which: shrinking keeps to plans that break the same one.</param>
/// <param name="what">What has happened.</param>
internal sealed class PromiseBrokenException(string promise, string what) : Exception($"{promise}: {what}")
{
    public string Promise { get; } = promise;
}
