using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Ratatoskr.Engine;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Endpoints;
using Ratatoskr.Http.Oidc;
using Ratatoskr.Http.OpenApi;
using Ratatoskr.Http.Tokens;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Blobs;
using Ratatoskr.Storage.Embedded;
using Ratatoskr.Storage.InMemory;
using Ratatoskr.Storage.Sqlite;

namespace Ratatoskr.Http.Tests.Support;

/// <summary>The API over real HTTP: Kestrel on a free port, accounts in SQLite, documents in memory, the real engine between them.</summary>
public sealed class RestServer : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-rest-").FullName;
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false });
    private readonly RestServerOptions _options;
    private WebApplication _app = null!;
    private OpenApiReading _description = null!;
    private AuthServices _auth = null!;
    private QuotaLedger _ledger = null!;
    private readonly PublicAddress _address = new(null);
    private BlobDisk _disk = null!;
    private FileBlobStage _stage = null!;

    private RestServer(RestServerOptions options) => _options = options;

    internal ManualClock Clock { get; } = new();

    internal SqliteAccountStore Accounts { get; private set; } = null!;

    internal InMemoryChunkStore Chunks { get; } = new();

    internal EmbeddedControlLog Control { get; } = new();

    internal SyncEngine Engine { get; private set; } = null!;

    internal DocumentDirectory Directory_ { get; private set; } = null!;

    internal ResponseRoom Room { get; private set; } = null!;

    internal BlobService Blobs { get; private set; } = null!;

    internal IBlobStage Stage { get; private set; } = null!;

    internal IBlobStore Store { get; private set; } = null!;

    internal NotedLog BlobLog { get; } = new();

    internal string Folder => _folder;

    internal EndpointDataSource Endpoints => _app.Services.GetRequiredService<EndpointDataSource>();

    public Uri Address { get; private set; } = null!;

    internal static async Task<RestServer> StartAsync(RestServerOptions? options = null)
    {
        RestServer server = new(options ?? new RestServerOptions());
        await server.StartAsync();
        return server;
    }

    /// <summary>A user who has signed in.</summary>
    internal async Task<RestUser> SignInAsync(string name)
    {
        string id = "oidc:" + name, session = Guid.NewGuid().ToString("N");
        DateTimeOffset now = Clock.GetUtcNow(), end = now + SessionTokens.Lifetime;
        await Accounts.SignInAsync(id, name + "@example.com", name, CancellationToken.None);
        await Accounts.AddSessionAsync(new SessionRecord(session, id, now, end, null), CancellationToken.None);
        return new RestUser(this, id, new SessionTokens(_key).Make(new SessionClaims(id, session, now, end)));
    }

    /// <summary>The same user with an API token that is good for so much.</summary>
    internal async Task<RestUser> TokenAsync(RestUser user, params string[] scopes)
    {
        string secret = ApiTokens.MakeSecret();
        byte[] hash = new byte[ApiTokens.HashBytes];
        Assert.True(new ApiTokens(_key).TryHash(secret, hash));
        TokenRecord token = new(Guid.NewGuid().ToString("N"), user.Id, "test", scopes, Clock.GetUtcNow(), null, null);
        await Accounts.AddTokenAsync(token, hash, CancellationToken.None);
        return new RestUser(this, user.Id, secret);
    }

    /// <summary>Sends a request and holds the answer to the API's description.</summary>
    internal async Task<RestAnswer> SendAsync(HttpMethod method, string path, string? token = null, HttpContent? body = null, params (string Name, string Value)[] headers)
    {
        using HttpRequestMessage request = new(method, new Uri(Address.OriginalString.TrimEnd('/') + path)) { Content = body };
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach ((string name, string value) in headers) Assert.True(request.Headers.TryAddWithoutValidation(name, value), name);
        using HttpResponseMessage response = await _client.SendAsync(request);
        RestAnswer answer = await RestAnswer.ReadAsync(response);
        _description.AssertDescribed(method, path, answer.Status);
        return answer;
    }

    /// <summary>Stops and starts again: what is on disk is all that is left, documents' contents apart.</summary>
    internal async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _client.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task StopAsync()
    {
        await _app.DisposeAsync();
        _auth.Dispose();
        await Engine.DisposeAsync();
        _ledger.Dispose();
        await Accounts.DisposeAsync();
        _stage.Dispose();
        _disk.Dispose();
    }

    private async Task StartAsync()
    {
        Accounts = await SqliteAccountStore.OpenAsync(new SqliteAccountStoreOptions
        {
            Folder = _folder,
            NewDocumentId = () => DocumentId.FromPayload(RandomNumberGenerator.GetBytes(16)),
            DefaultQuotas = _options.Quotas,
            Time = Clock,
        });
        _ledger = new QuotaLedger(Accounts);
        AccessResolver access = new(Accounts, Control, _ledger);
        AccountAuthenticator authenticator = new(Accounts, new SessionTokens(_key), new ApiTokens(_key), Clock);
        Engine = new SyncEngine(new SyncEngineOptions
        {
            Store = Chunks,
            Control = Control,
            Feed = new SilentNodeFeed(),
            Authenticator = authenticator,
            Access = access,
            Time = Clock,
            Log = new EngineLog(NullLogger.Instance),
            StorageId = "store",
            HashKey = 1,
            Ledger = _ledger,
        });
        Directory_ = new DocumentDirectory(Accounts, Chunks, Control, access, Clock, RandomNumberGenerator.Fill)
        {
            DeleteContent = Engine.DeleteAsync,
        };
        RestLimits limits = new(new RateLimiter(_options.Rates), ClientAddress.Direct, Clock);
        _auth = new AuthServices(new AuthOptions
        {
            Store = Accounts,
            Control = Control,
            Authenticator = authenticator,
            Sessions = new SessionTokens(_key),
            Tokens = new ApiTokens(_key),
            Address = _address,
            Limiter = new RateLimiter(_options.Rates),
            Log = NullLogger.Instance,
            Time = Clock,
        });
        Room = new ResponseRoom(_options.ResponseBytes, Clock, new System.Diagnostics.Metrics.Meter("Ratatoskr.Test")) { StallMax = _options.StallMax };
        _disk = new BlobDisk(new BlobDiskOptions { Folder = _folder, Time = Clock, ReserveBytes = 0, BodiesMax = _options.BodiesMax });
        _stage = new FileBlobStage(_disk);
        Stage = _options.Stage?.Invoke(_stage) ?? _stage;
        Store = _options.Store?.Invoke(new FileBlobStore(_disk)) ?? new FileBlobStore(_disk);
        Blobs = new BlobService(new BlobOptions
        {
            Stage = Stage,
            Store = Store,
            Index = Accounts.Blobs,
            Accounts = Accounts,
            Access = access,
            Time = Clock,
            FillRandom = RandomNumberGenerator.Fill,
            Log = new BlobLog(BlobLog),
            Metrics = new BlobMetrics(new System.Diagnostics.Metrics.Meter("Ratatoskr.Test")),
            Rule = _options.Rule,
        });
        await Blobs.Uploads.RecoverAsync(CancellationToken.None);
        DocumentApi api = new(_auth.Bearer, Directory_, Engine.Contents, limits, Room, Clock, RandomNumberGenerator.Fill);

        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.UseCors(new Cors(_options.Origins));
        _app.UseErrorAnswers(NullLogger.Instance);
        _app.Use(limits.BeforeEndpoints);
        _app.UseRouting();
        _app.MapHealth(new Ready());
        _app.MapOpenApi();
        _app.MapAuth(_auth);
        _app.MapDocuments(api);
        _app.MapBlobs(new BlobApi(_auth.Bearer, Blobs, Directory_, limits, Room, _address, new BlobLinks(_key), Clock, RandomNumberGenerator.Fill));
        await _app.StartAsync();
        _address.Listening = Address = new Uri(_app.Urls.First());
        _description = new OpenApiReading(OpenApiDocument.Build());
    }
}

internal sealed class Ready : IReadiness
{
    public string? NotReadyBecause => null;
}

internal sealed record RestServerOptions
{
    public UserQuotas Quotas { get; init; } = new(10_000, 10 << 20, 1 << 30, 1 << 30, 1 << 30);

    public RateLimits Rates { get; init; } = new();

    public string[] Origins { get; init; } = [];

    public long ResponseBytes { get; init; } = 128 << 20;

    /// <summary>Bodies of blobs that are received at once.</summary>
    public int BodiesMax { get; init; } = 64;

    public TimeSpan StallMax { get; init; } = TimeSpan.FromSeconds(30);

    public BlobRule Rule { get; init; }

    /// <summary>What is put before the stage of blobs.</summary>
    public Func<IBlobStage, IBlobStage>? Stage { get; init; }

    /// <summary>What is put before the store of blobs.</summary>
    public Func<IBlobStore, IBlobStore>? Store { get; init; }
}

/// <summary>Goes on when the test says so.</summary>
internal sealed class ManualClock : TimeProvider
{
    private DateTimeOffset _now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => _now;

    public void Advance(TimeSpan by) => _now += by;
}

/// <summary>Somebody with a token.</summary>
internal sealed class RestUser(RestServer server, string id, string token)
{
    public string Id => id;

    public string Token => token;

    public Task<RestAnswer> GetAsync(string path) => server.SendAsync(HttpMethod.Get, path, token);

    public Task<RestAnswer> DeleteAsync(string path) => server.SendAsync(HttpMethod.Delete, path, token);

    public Task<RestAnswer> PostAsync(string path, string json) => server.SendAsync(HttpMethod.Post, path, token, Json(json));

    public Task<RestAnswer> PutAsync(string path, string json, params (string Name, string Value)[] headers) => server.SendAsync(HttpMethod.Put, path, token, Json(json), headers);

    public Task<RestAnswer> SendAsync(HttpMethod method, string path, HttpContent? body = null, params (string Name, string Value)[] headers) =>
        server.SendAsync(method, path, token, body, headers);

    /// <summary>Registers a document and gives its id.</summary>
    public async Task<string> CreateAsync(string json = "{}")
    {
        RestAnswer created = await PostAsync("/api/v1/documents", json);
        Assert.True(created.Status == 200, created.Text);
        return created.Json.GetProperty("id").GetString()!;
    }

    public static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");
}
