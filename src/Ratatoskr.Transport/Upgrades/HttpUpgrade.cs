using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Net.Http.Headers;
using Ratatoskr.Protocol.WebSockets;
using Ratatoskr.Transport.Connections;
using ConnectionInfo = Ratatoskr.Engine.Sessions.ConnectionInfo;

namespace Ratatoskr.Transport.Upgrades;

/// <summary>
/// The other way in, for upgrades that <see cref="UpgradePeek"/> cannot see: the second request of a kept-alive connection, and HTTP/2's
/// extended CONNECT (RFC 8441). Ends in the same connection loop.
/// </summary>
internal sealed class HttpUpgrade(SyncTransport transport, RequestDelegate next)
{
    private const string WebSocket = "websocket";
    private const string Version = "13";
    private const int KeyBytes = 16;

    public Task InvokeAsync(HttpContext context)
    {
        if (!SyncPaths.Contains(context.Request.Path.Value)) return next(context);

        IHttpExtendedConnectFeature? connect = context.Features.Get<IHttpExtendedConnectFeature>();
        if (connect is { IsExtendedConnect: true } && WebSocket.Equals(connect.Protocol, StringComparison.OrdinalIgnoreCase))
            return ConnectAsync(context, connect);

        IHttpUpgradeFeature? upgrade = context.Features.Get<IHttpUpgradeFeature>();
        if (upgrade is { IsUpgradableRequest: true } && HttpMethods.IsGet(context.Request.Method) && AsksForWebSocket(context.Request.Headers))
            return UpgradeAsync(context, upgrade);

        return context.Request.Path.Value == SyncPaths.Sync ? RefuseAsync(context, 426, "this is a WebSocket endpoint") : next(context);
    }

    private async Task ConnectAsync(HttpContext context, IHttpExtendedConnectFeature connect)
    {
        if (context.Request.Headers.SecWebSocketVersion != Version)
        {
            await RefuseAsync(context, 426, "Sec-WebSocket-Version must be 13").ConfigureAwait(false);
            return;
        }

        if (await EnterAsync(context).ConfigureAwait(false))
            await ServeAsync(context, static async feature => await feature.AcceptAsync().ConfigureAwait(false), connect).ConfigureAwait(false);
    }

    private async Task UpgradeAsync(HttpContext context, IHttpUpgradeFeature upgrade)
    {
        IHeaderDictionary headers = context.Request.Headers;
        if (headers.SecWebSocketVersion != Version)
        {
            await RefuseAsync(context, 426, "Sec-WebSocket-Version must be 13").ConfigureAwait(false);
            return;
        }

        string key = headers.SecWebSocketKey.ToString();
        if (!IsKey(key))
        {
            await RefuseAsync(context, 400, "Sec-WebSocket-Key is not base64 of 16 bytes").ConfigureAwait(false);
            return;
        }

        if (!await EnterAsync(context).ConfigureAwait(false)) return;
        context.Response.Headers.Upgrade = WebSocket;
        context.Response.Headers.Connection = HeaderNames.Upgrade;
        context.Response.Headers.SecWebSocketAccept = UpgradeResponse.Accept(key);
        await ServeAsync(context, static feature => feature.UpgradeAsync(), upgrade).ConfigureAwait(false);
    }

    private async Task<bool> EnterAsync(HttpContext context)
    {
        if (!transport.Options.Allows(NullIfEmpty(context.Request.Headers.Origin.ToString()), context.Request.Host.Value))
        {
            await RefuseAsync(context, 403, "pages of this origin may not connect").ConfigureAwait(false);
            return false;
        }

        if (transport.TryEnter() is not { } busy) return true;
        await RefuseAsync(context, 503, busy).ConfigureAwait(false);
        return false;
    }

    private async Task ServeAsync<TFeature>(HttpContext context, Func<TFeature, Task<Stream>> accept, TFeature feature)
    {
        StreamDuplexPipe pipe;
        try
        {
            LiftRequestLimits(context);
            pipe = new StreamDuplexPipe(await accept(feature).ConfigureAwait(false));
        }
        catch
        {
            transport.Leave();
            throw;
        }

        IPAddress? remote = context.Connection.RemoteIpAddress;
        WebSocketConnection connection = new(transport, pipe, context.Abort, remote);
        await transport.RunAsync(connection, Info(context, remote)).ConfigureAwait(false);
        await pipe.CompleteAsync().ConfigureAwait(false);
    }

    // A socket lives for days: limits meant for requests and their bodies do not apply.
    private static void LiftRequestLimits(HttpContext context)
    {
        context.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout();
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = null;
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate) rate.MinDataRate = null;
    }

    private static bool AsksForWebSocket(IHeaderDictionary headers)
    {
        foreach (string? line in headers.Upgrade)
        {
            foreach (string token in (line ?? "").Split(',', StringSplitOptions.TrimEntries))
            {
                if (token.Equals(WebSocket, StringComparison.OrdinalIgnoreCase)) return true;
            }
        }

        return false;
    }

    private static bool IsKey(string key)
    {
        Span<byte> bytes = stackalloc byte[KeyBytes + 2];
        return key.Length == 24 && Convert.TryFromBase64String(key, bytes, out int written) && written == KeyBytes;
    }

    private async Task RefuseAsync(HttpContext context, int status, string reason)
    {
        transport.Metrics.Refused(status);
        HttpResponse response = context.Response;
        response.StatusCode = status;
        if (status == 503) response.Headers.RetryAfter = "5";
        if (status == 426)
        {
            response.Headers.SecWebSocketVersion = Version;
            if (context.Request.Protocol == HttpProtocol.Http11)
            {
                response.Headers.Upgrade = WebSocket;
                response.Headers.Connection = HeaderNames.Upgrade;
            }
        }

        // The form of all our HTTP errors, written by hand: both values are constants that need no escaping.
        string error = status switch { 400 => "invalid_request", 403 => "forbidden", 426 => "upgrade_required", _ => "unavailable" };
        response.ContentType = "application/json; charset=utf-8";
        await response.WriteAsync($$"""{"error":"{{error}}","message":"{{reason}}"}""").ConfigureAwait(false);
    }

    private static ConnectionInfo Info(HttpContext context, IPAddress? remote)
    {
        IHeaderDictionary headers = context.Request.Headers;
        return new ConnectionInfo
        {
            RemoteAddress = remote,
            IsSecure = context.Request.IsHttps,
            Path = context.Request.Path.Value ?? "/",
            Query = context.Request.QueryString.HasValue ? context.Request.QueryString.Value![1..] : "",
            Host = context.Request.Host.Value,
            Origin = NullIfEmpty(headers.Origin.ToString()),
            Authorization = NullIfEmpty(headers.Authorization.ToString()),
            ForwardedFor = NullIfEmpty(headers["X-Forwarded-For"].ToString()),
        };
    }

    private static string? NullIfEmpty(string value) => value.Length == 0 ? null : value;
}
