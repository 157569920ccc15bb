using System.Text.Json.Serialization;

namespace Ratatoskr.Http.Contracts;

/// <summary>Every error answer, the framework's too: a code for programs and a sentence for people.</summary>
public sealed record ErrorBody(string Error, string Message);

/// <summary>The answer of <c>/health</c> and <c>/ready</c>.</summary>
internal sealed record StatusBody(string Status);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(StatusBody))]
internal sealed partial class ApiJson : JsonSerializerContext;
