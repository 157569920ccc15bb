using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Ratatoskr.Http.Contracts;
using Ratatoskr.Http.Tokens;

namespace Ratatoskr.Http.Endpoints;

/// <summary>Places of the API that are kept free: they answer signed-in users with <c>not_found</c>.</summary>
public static class LaterEndpoints
{
    private static readonly string[] s_paths =
    [
        DocumentEndpoints.Root + "/{id}/blobs",
        DocumentEndpoints.Root + "/{id}/blobs/{hash}",
        "/api/v1/blobs/{**rest}",
    ];

    public static void MapLater(this IEndpointRouteBuilder routes, BearerAuthentication authentication)
    {
        ArgumentNullException.ThrowIfNull(authentication);
        RequestDelegate endpoint = authentication.Required(static (context, _) => ApiAnswer.NotFound("Blobs are not part of this server yet").WriteAsync(context));
        foreach (string path in s_paths) routes.Map(path, endpoint).ExcludeFromDescription();
    }
}
