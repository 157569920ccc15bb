using System.Diagnostics.Metrics;
using Ratatoskr.Engine.Metering;
using Ratatoskr.Http.Contracts;
using Ratatoskr.Http.Endpoints;

namespace Ratatoskr.Http.Monitoring;

/// <summary>How a sign-in went.</summary>
internal enum SignInOutcome : byte
{
    /// <summary>A person has a session.</summary>
    Session,

    /// <summary>A person was asked whether a program may have one.</summary>
    Program,

    /// <summary>Cancelled at the provider.</summary>
    Denied,

    /// <summary>The provider failed, or what it said was not good.</summary>
    Failed,

    /// <summary>An answer to a sign-in that is not under way: never begun, used before, or too old.</summary>
    Unknown,

    /// <summary>Not begun: too many are under way.</summary>
    Busy,
}

/// <summary>What sign-in and API count (meter <c>Ratatoskr.Http</c>; docs/metrics.md), beside the framework's own instruments. Safe on any thread.</summary>
internal sealed class SignInMetrics
{
    public const string MeterName = "Ratatoskr.Http";

    private readonly Tally _begun;
    private readonly TallySet<SignInOutcome> _ended;

    /// <param name="meters">Owns the meter.</param>
    /// <param name="services">Whose tables are shown.</param>
    public SignInMetrics(IMeterFactory meters, AuthServices services)
    {
        Meter meter = meters.Create(MeterName);
        _begun = meter.CreateTally("ratatoskr.sign_ins.begun", "{sign_in}", "sign-ins sent to the provider");
        _ended = meter.CreateTallies<SignInOutcome>("ratatoskr.sign_ins.ended", "{sign_in}", "outcome", "sign-ins by what came of them; those that were given up end nowhere");
        meter.ShowLevel("ratatoskr.sign_ins.pending", "{sign_in}", "sign-ins sent to the provider and not back yet, those given up lately included", () => services.PendingLogins.Count);
        meter.ShowLevel("ratatoskr.sign_ins.codes", "{code}", "one-time codes that programs have not fetched yet", () => services.LoginCodes.Count);
        meter.ShowLevel("ratatoskr.credentials.cached", "{credential}", "sessions and API tokens in memory", () => services.Options.Authenticator.CachedCount);
        meter.ShowLevel("ratatoskr.api.bodies.held", "By", "bytes of request bodies that are being read or worked on", () => ApiBody.Held);
    }

    public void Begun() => _begun.Add();

    public void Ended(SignInOutcome outcome) => _ended.Add(outcome);
}
