using System.Net;
using System.Text.Json;

namespace Ratatoskr.Http.Oidc;

/// <summary>The provider's configuration and keys, fetched when needed and kept for an hour. Many sign-ins at once cause one request.</summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class ProviderConnection(string issuer, HttpClient http, TimeProvider time) : IDisposable
{
    /// <summary>No provider's answer is larger; more is not read.</summary>
    public const int AnswerBytesMax = 1 << 20;

    private const int KeysMax = 100;
    private static readonly TimeSpan FreshFor = TimeSpan.FromHours(1);

    // A key id nobody has heard of asks for the keys anew, but not more often than this: anybody can invent key ids.
    private static readonly TimeSpan RefetchEvery = TimeSpan.FromSeconds(30);

    // A provider that is down is not asked again by every click.
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _gate = new(1);
    private Fetched<ProviderMetadata>? _metadata;
    private Fetched<IReadOnlyList<SigningKey>>? _keys;
    private OidcException? _failure;
    private DateTimeOffset _failedAt;

    public async ValueTask<ProviderMetadata> MetadataAsync(CancellationToken stop)
    {
        if (_metadata is { } kept && IsFresh(kept.At, FreshFor)) return kept.Value;
        await _gate.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            kept = _metadata;
            if (kept is not null && IsFresh(kept.At, FreshFor)) return kept.Value;
            if (_failure is not null && IsFresh(_failedAt, RetryAfter)) return kept?.Value ?? throw _failure;
            try
            {
                Uri address = new(issuer.TrimEnd('/') + "/.well-known/openid-configuration");
                ProviderMetadata metadata = ProviderMetadata.Parse(await GetAsync(address, stop).ConfigureAwait(false), issuer);
                _metadata = new(metadata, time.GetUtcNow());
                _failure = null;
                return metadata;
            }
            catch (OidcException e)
            {
                _failure = e;
                _failedAt = time.GetUtcNow();
                if (kept is not null) return kept.Value; // an hour-old configuration is better than none
                throw;
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>The keys a signature of this header may be by.</summary>
    /// <param name="keyId">null: any of the algorithm.</param>
    /// <exception cref="OidcException">There is none, also after asking again.</exception>
    public async ValueTask<IReadOnlyList<SigningKey>> KeysAsync(string? keyId, string algorithm, CancellationToken stop)
    {
        Uri address = (await MetadataAsync(stop).ConfigureAwait(false)).KeysUri;
        await _gate.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            if (_keys is not { } kept || !IsFresh(kept.At, FreshFor)) kept = await FetchKeysAsync(address, stop).ConfigureAwait(false);
            List<SigningKey> matching = Matching(kept.Value);
            if (matching.Count == 0 && !IsFresh(kept.At, RefetchEvery)) matching = Matching((await FetchKeysAsync(address, stop).ConfigureAwait(false)).Value);
            return matching.Count > 0
                ? matching
                : throw new OidcException($"the provider has no {algorithm} key {OidcJson.Quote(keyId)}");
        }
        finally
        {
            _gate.Release();
        }

        List<SigningKey> Matching(IReadOnlyList<SigningKey> keys) => [.. keys.Where(key => key.Algorithm == algorithm && (keyId is null || key.Id == keyId))];
    }

    public void Dispose() => _gate.Dispose();

    private async Task<Fetched<IReadOnlyList<SigningKey>>> FetchKeysAsync(Uri address, CancellationToken stop)
    {
        using JsonDocument document = OidcJson.Parse(await GetAsync(address, stop).ConfigureAwait(false), "the provider's key set");
        if (!document.RootElement.TryGetProperty("keys", out JsonElement list) || list.ValueKind != JsonValueKind.Array)
            throw new OidcException("the provider's key set has no keys", isProviderDown: true);
        Fetched<IReadOnlyList<SigningKey>> keys = new([.. list.EnumerateArray().Take(KeysMax).Select(SigningKey.Parse).OfType<SigningKey>()], time.GetUtcNow());
        _keys = keys;
        return keys;
    }

    private async Task<byte[]> GetAsync(Uri address, CancellationToken stop)
    {
        try
        {
            using HttpResponseMessage answer = await http.GetAsync(address, stop).ConfigureAwait(false);
            if (answer.StatusCode != HttpStatusCode.OK) throw new OidcException($"{address} answered {(int)answer.StatusCode}", isProviderDown: true);
            return await answer.Content.ReadAsByteArrayAsync(stop).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !stop.IsCancellationRequested)
        {
            throw new OidcException($"{address} does not answer: {e.Message}", isProviderDown: true, e);
        }
    }

    private bool IsFresh(DateTimeOffset at, TimeSpan span) => time.GetUtcNow() - at is var age && age >= TimeSpan.Zero && age < span;

    private sealed record Fetched<T>(T Value, DateTimeOffset At);
}
