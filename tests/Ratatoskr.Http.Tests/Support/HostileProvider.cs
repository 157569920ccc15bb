using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Ratatoskr.Http.Oidc;

namespace Ratatoskr.Http.Tests.Support;

/// <summary>A provider that says what the test wants: right answers first, and whatever is changed in them.</summary>
internal sealed class HostileProvider : IAsyncDisposable
{
    public const string ClientId = "sync";

    private readonly WebApplication _app;

    private HostileProvider(WebApplication app) => _app = app;

    public string Issuer { get; private set; } = "";

    public TestKey Key { get; set; } = TestKey.Rsa("first");

    /// <summary>What the key set holds; the signing key alone unless changed.</summary>
    public Func<IEnumerable<TestKey>>? Published { get; set; }

    public string Nonce { get; set; } = "";

    public string AccessToken { get; set; } = "access";

    public Action<Dictionary<string, object?>> Configuration { get; set; } = static _ => { };

    public Action<Dictionary<string, object?>> Header { get; set; } = static _ => { };

    public Action<Dictionary<string, object?>> Claims { get; set; } = static _ => { };

    /// <summary>Changes the finished token.</summary>
    public Func<string, string> Token { get; set; } = static token => token;

    /// <summary>Signs instead of the key.</summary>
    public Func<byte[], byte[]>? Signature { get; set; }

    /// <summary>The token endpoint's whole answer.</summary>
    public Func<HttpContext, Task<bool>>? TokenEndpoint { get; set; }

    public int KeyFetches { get; private set; }

    public int ConfigurationFetches { get; private set; }

    public string? LastAuthorization { get; private set; }

    public Dictionary<string, string> LastForm { get; private set; } = [];

    public OidcSettings Settings => new() { Issuer = Issuer, ClientId = ClientId };

    public static async Task<HostileProvider> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        WebApplication app = builder.Build();
        app.UseRouting();
        HostileProvider provider = new(app);
        app.MapGet("/.well-known/openid-configuration", (RequestDelegate)provider.ConfigurationAsync);
        app.MapGet("/keys", (RequestDelegate)provider.KeysAsync);
        app.MapPost("/token", (RequestDelegate)provider.TokenAsync);
        await app.StartAsync();
        provider.Issuer = app.Urls.First();
        return provider;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private Task ConfigurationAsync(HttpContext context)
    {
        ConfigurationFetches++;
        Dictionary<string, object?> configuration = new()
        {
            ["issuer"] = Issuer,
            ["authorization_endpoint"] = Issuer + "/authorize",
            ["token_endpoint"] = Issuer + "/token",
            ["jwks_uri"] = Issuer + "/keys",
            ["authorization_response_iss_parameter_supported"] = true,
        };
        Configuration(configuration);
        return context.Response.WriteAsync(JsonSerializer.Serialize(configuration));
    }

    private Task KeysAsync(HttpContext context)
    {
        KeyFetches++;
        return context.Response.WriteAsync(JsonSerializer.Serialize(new { keys = (Published?.Invoke() ?? [Key]).Select(static key => key.Public) }));
    }

    private async Task TokenAsync(HttpContext context)
    {
        LastAuthorization = context.Request.Headers.Authorization;
        LastForm = (await context.Request.ReadFormAsync()).ToDictionary(static pair => pair.Key, static pair => pair.Value.ToString());
        if (TokenEndpoint is not null && await TokenEndpoint(context)) return;
        await context.Response.WriteAsync(JsonSerializer.Serialize(new { access_token = AccessToken, token_type = "Bearer", id_token = MakeToken() }));
    }

    private string MakeToken()
    {
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        Dictionary<string, object?> header = new() { ["alg"] = Key.Algorithm, ["kid"] = Key.Id, ["typ"] = "JWT" };
        Dictionary<string, object?> claims = new()
        {
            ["iss"] = Issuer,
            ["sub"] = "alice",
            ["aud"] = ClientId,
            ["iat"] = now,
            ["exp"] = now + 300,
            ["nonce"] = Nonce,
            ["email"] = "alice@example.org",
            ["name"] = "Alice",
        };
        Header(header);
        Claims(claims);
        string signed = $"{Encode(JsonSerializer.SerializeToUtf8Bytes(header))}.{Encode(JsonSerializer.SerializeToUtf8Bytes(claims))}";
        byte[] bytes = Encoding.ASCII.GetBytes(signed);
        return Token($"{signed}.{Encode(Signature?.Invoke(bytes) ?? Key.Sign(bytes))}");
    }

    private static string Encode(byte[] bytes) => Base64Url.EncodeToString(bytes);
}

/// <summary>A provider's key.</summary>
internal sealed class TestKey(string id, string algorithm, RSA? rsa, ECDsa? ec)
{
    public string Id => id;

    public string Algorithm => algorithm;

    public Dictionary<string, string> Public
    {
        get
        {
            Dictionary<string, string> key = new() { ["kid"] = id, ["alg"] = algorithm, ["use"] = "sig", ["kty"] = rsa is null ? "EC" : "RSA" };
            if (rsa is not null)
            {
                RSAParameters parameters = rsa.ExportParameters(false);
                key["n"] = Base64Url.EncodeToString(parameters.Modulus);
                key["e"] = Base64Url.EncodeToString(parameters.Exponent);
            }
            else
            {
                ECParameters parameters = ec!.ExportParameters(false);
                key["crv"] = "P-256";
                key["x"] = Base64Url.EncodeToString(parameters.Q.X);
                key["y"] = Base64Url.EncodeToString(parameters.Q.Y);
            }

            return key;
        }
    }

    public static TestKey Rsa(string id, int bits = 2048) => new(id, "RS256", RSA.Create(bits), null);

    public static TestKey Ec(string id) => new(id, "ES256", null, ECDsa.Create(ECCurve.NamedCurves.nistP256));

    public byte[] Sign(byte[] bytes) => rsa is not null
        ? rsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
        : ec!.SignData(bytes, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
}
