using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Ratatoskr.Http.Monitoring;
using Ratatoskr.Http.Oidc;

namespace Ratatoskr.Http.Endpoints;

/// <summary>
/// <c>/metrics</c>: what the process has counted, in Prometheus's text format. Read by this machine (as with the development provider: from a loopback address,
/// under a loopback name, through no proxy), and by whoever brings <c>METRICS_TOKEN</c>; for anybody else it is not there.
/// </summary>
public static class MetricsEndpoint
{
    private const string Scheme = "Bearer ";

    /// <param name="routes">Where.</param>
    /// <param name="reader">What is shown.</param>
    /// <param name="address">How this machine is called.</param>
    /// <param name="token">UTF-8; null: none is taken.</param>
    public static void MapMetrics(this IEndpointRouteBuilder routes, MetricsReader reader, PublicAddress address, byte[]? token) =>
        routes.MapMethods("/metrics", [HttpMethods.Get, HttpMethods.Head], context =>
        {
            if (!(token is null ? address.IsThisMachine(context) : HasToken(context.Request, token)))
                return ErrorAnswers.WriteAsync(context, StatusCodes.Status404NotFound, "not_found", "there is nothing at this path");
            HttpResponse response = context.Response;
            response.Headers.CacheControl = "no-store";
            response.ContentType = PrometheusText.ContentType;
            return response.WriteAsync(reader.ReadPrometheusText());
        }).ExcludeFromDescription();

    private static bool HasToken(HttpRequest request, byte[] token)
    {
        const int bytesMax = 4096;          // Kestrel bounds all header lines together
        string header = request.Headers.Authorization.ToString();
        return header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && header.Length <= bytesMax
            && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(header[Scheme.Length..])), SHA256.HashData(token));
    }
}
