using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Ratatoskr.Http.OpenApi;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.Documents;

/// <summary>The description is what is served, both ways. That every answer of every test is described, <see cref="RestServer.SendAsync"/> sees to.</summary>
public sealed class OpenApiTests
{
    [Fact]
    public async Task Description_is_served_to_everybody()
    {
        await using RestServer server = await RestServer.StartAsync();
        JsonElement description = (await server.SendAsync(HttpMethod.Get, OpenApiDocument.Path)).AssertOk();
        Assert.Equal("3.1.0", description.GetProperty("openapi").GetString());
    }

    [Fact]
    public async Task Every_route_is_described()
    {
        await using RestServer server = await RestServer.StartAsync();
        HashSet<(string, string)> described = [.. new OpenApiReading(OpenApiDocument.Build()).Operations.Select(operation => (operation.Path, operation.Method))];
        int routes = 0;
        foreach (RouteEndpoint endpoint in server.Endpoints.Endpoints.OfType<RouteEndpoint>())
        {
            if (endpoint.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is { ExcludeFromDescription: true }) continue;
            foreach (string method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods)
            {
                if (method == "HEAD") continue;
                routes++;
                Assert.Contains((endpoint.RoutePattern.RawText!, method), described);
            }
        }

        Assert.True(routes >= 25, $"{routes} routes");
    }

    [Fact]
    public async Task Every_described_route_answers()
    {
        await using RestServer server = await RestServer.StartAsync();
        foreach ((string path, string method, JsonElement operation) in new OpenApiReading(OpenApiDocument.Build()).Operations)
        {
            string url = path.Replace("{id}", "notes", StringComparison.Ordinal).Replace("{appId}", "notes", StringComparison.Ordinal);
            RestAnswer answer = await server.SendAsync(new HttpMethod(method), url);
            Assert.NotEqual(405, answer.Status);
            if (operation.TryGetProperty("security", out _)) answer.AssertError(401, "unauthorized");
            else Assert.DoesNotContain("there is nothing at this path", answer.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void References_lead_somewhere_and_operations_have_names_of_their_own()
    {
        OpenApiReading description = new(OpenApiDocument.Build());
        Check(description.Root);
        string[] names = [.. description.Operations.Select(operation => operation.Operation.GetProperty("operationId").GetString()!)];
        Assert.Equal(names.Length, names.Distinct().Count());

        void Check(JsonElement element)
        {
            if (element.ValueKind == JsonValueKind.Array) foreach (JsonElement item in element.EnumerateArray()) Check(item);
            if (element.ValueKind != JsonValueKind.Object) return;
            foreach (JsonProperty property in element.EnumerateObject())
            {
                if (property.Name != "$ref") Check(property.Value);
                else Assert.True(Find(property.Value.GetString()!), property.Value.GetString());
            }
        }

        bool Find(string reference)
        {
            JsonElement at = description.Root;
            foreach (string step in reference.TrimStart('#', '/').Split('/'))
            {
                if (!at.TryGetProperty(step, out at)) return false;
            }

            return true;
        }
    }
}
