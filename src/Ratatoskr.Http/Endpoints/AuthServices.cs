using System.Diagnostics.Metrics;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Monitoring;
using Ratatoskr.Http.Oidc;
using Ratatoskr.Http.Oidc.Development;
using Ratatoskr.Http.Tokens;

namespace Ratatoskr.Http.Endpoints;

/// <summary>What signing in needs from outside.</summary>
public sealed record AuthOptions
{
    public required IAccountStore Store { get; init; }

    public required IControlLog Control { get; init; }

    public required AccountAuthenticator Authenticator { get; init; }

    public required SessionTokens Sessions { get; init; }

    public required ApiTokens Tokens { get; init; }

    public required PublicAddress Address { get; init; }

    public required RateLimiter Limiter { get; init; }

    public required ILogger Log { get; init; }

    /// <summary>null: nobody wants to know what is counted.</summary>
    public IMeterFactory? Meters { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public ClientAddress Clients { get; init; } = ClientAddress.Direct;

    /// <summary>null: the development provider.</summary>
    public OidcSettings? Provider { get; init; }

    /// <summary>Origins whose pages may sign people in, besides our own; empty: all.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; init; } = [];

    /// <summary>Our own, which the development provider is reached with when TLS is on.</summary>
    public X509Certificate2? Certificate { get; init; }
}

/// <summary>The parts of signing in, made once; <see cref="AuthEndpoints"/> and <see cref="ApiTokenEndpoints"/> put them on routes.</summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class AuthServices : IDisposable
{
    private readonly OidcClient? _client;
    private readonly Lazy<OidcClient>? _development;

    public AuthServices(AuthOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Options = options;
        Bearer = new BearerAuthentication(options.Authenticator);
        Revocation = new CredentialRevocation(options.Authenticator, options.Control);
        UserSessions = new UserSessions(options.Store, options.Sessions, Revocation, options.Time);
        PendingLogins = new PendingLogins(options.Time);
        LoginCodes = new LoginCodes(options.Time);
        if (options.Provider is { } provider)
        {
            SocketsHttpHandler handler = new();
            if (OidcSettings.IsLoopbackHost(new Uri(provider.Issuer))) handler.UseProxy = false;
            _client = new OidcClient(provider, OidcClient.MakeHttpClient(handler), options.Time);
        }
        else
        {
            DevelopmentProvider = new DevelopmentProvider(options.Address, options.Time);
            _development = new Lazy<OidcClient>(() => DevelopmentProvider.MakeClient(options.Certificate)); // the port is known when the first sign-in begins
        }

        if (options.Meters is { } meters) Metrics = new SignInMetrics(meters, this);
    }

    public BearerAuthentication Bearer { get; }

    public CredentialRevocation Revocation { get; }

    public AuthOptions Options { get; }

    internal OidcClient Client => _client ?? _development!.Value;

    internal DevelopmentProvider? DevelopmentProvider { get; }

    internal SignInMetrics? Metrics { get; }

    internal UserSessions UserSessions { get; }

    internal PendingLogins PendingLogins { get; }

    internal LoginCodes LoginCodes { get; }

    internal Timestamp Now => new(Options.Time.GetUtcNow().ToUnixTimeMilliseconds());

    public void Dispose()
    {
        _client?.Dispose();
        if (_development is { IsValueCreated: true }) _development.Value.Dispose();
        DevelopmentProvider?.Dispose();
    }

    internal string AddressKeyOf(HttpContext context) =>
        Options.Clients.KeyOf(context.Connection.RemoteIpAddress, string.Join(',', context.Request.Headers["X-Forwarded-For"].ToArray()));
}
