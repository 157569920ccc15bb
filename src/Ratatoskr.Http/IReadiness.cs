namespace Ratatoskr.Http;

/// <summary>Whether a load balancer should send peers here.</summary>
/// <remarks>Safe on any thread; asked at every probe, so it answers from memory.</remarks>
public interface IReadiness
{
    /// <summary>null when ready, else what is missing, in a few words an operator understands.</summary>
    string? NotReadyBecause { get; }
}
