using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.OpenApi;

/// <summary>
/// The description of the API at <c>/api/v1/openapi.json</c>. Each resource describes itself in a file of its own beside this one, of <c>paths</c> and <c>components</c>, which are
/// put together once; tests hold them to what is served.
/// </summary>
public static class OpenApiDocument
{
    public const string Path = "/api/v1/openapi.json";

    private const string First = "server.json";

    public static void MapOpenApi(this IEndpointRouteBuilder routes)
    {
        byte[] document = Build();
        routes.MapMethods(Path, [HttpMethods.Get, HttpMethods.Head], context => ApiAnswer.Json(document).WriteAsync(context));
    }

    /// <summary>All files put together.</summary>
    /// <exception cref="InvalidOperationException">Two files describe the same thing.</exception>
    internal static byte[] Build()
    {
        Assembly assembly = typeof(OpenApiDocument).Assembly;
        string prefix = typeof(OpenApiDocument).Namespace + ".";
        string[] files = [.. assembly.GetManifestResourceNames().Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        JsonObject document = Read(assembly, prefix + First);
        foreach (string file in files)
        {
            if (file == prefix + First) continue;
            JsonObject part = Read(assembly, file);
            Merge(document, part, "paths");
            foreach ((string kind, _) in part["components"]?.AsObject().ToArray() ?? []) Merge(document["components"]!.AsObject(), part["components"]!.AsObject(), kind);
        }

        return JsonSerializer.SerializeToUtf8Bytes(document, NodeJson.Default.JsonObject);
    }

    private static void Merge(JsonObject target, JsonObject part, string name)
    {
        if (part[name]?.AsObject() is not { } added) return;
        if (target[name]?.AsObject() is not { } into) target[name] = into = [];
        foreach ((string key, JsonNode? value) in added.ToArray())
        {
            if (into.ContainsKey(key)) throw new InvalidOperationException($"{name} {key} is described twice");
            added.Remove(key);
            into[key] = value;
        }
    }

    private static JsonObject Read(Assembly assembly, string file)
    {
        using Stream stream = assembly.GetManifestResourceStream(file)!;
        return JsonNode.Parse(stream)!.AsObject();
    }
}

/// <summary>Writes what was put together.</summary>
[System.Text.Json.Serialization.JsonSerializable(typeof(JsonObject))]
internal sealed partial class NodeJson : System.Text.Json.Serialization.JsonSerializerContext;
