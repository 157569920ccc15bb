using System.Text.Json;

namespace Automerge.Tests.Lockstep;

/// <summary>Where two JSON values first differ.</summary>
internal static class JsonDifference
{
    /// <summary>null: they say the same. Else the path, what was expected and what was found.</summary>
    public static string? Find(JsonElement expected, JsonElement actual, string path = "")
    {
        if (expected.ValueKind == JsonValueKind.Array && actual.ValueKind == JsonValueKind.Array)
        {
            int count = Math.Min(expected.GetArrayLength(), actual.GetArrayLength());
            for (int i = 0; i < count; i++)
            {
                if (Find(expected[i], actual[i], $"{path}[{i}]") is { } inner) return inner;
            }

            if (expected.GetArrayLength() == actual.GetArrayLength()) return null;
        }
        else if (expected.ValueKind == JsonValueKind.Object && actual.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in expected.EnumerateObject())
            {
                if (!actual.TryGetProperty(property.Name, out JsonElement other)) return $"{path}.{property.Name} is missing";
                if (Find(property.Value, other, $"{path}.{property.Name}") is { } inner) return inner;
            }

            if (expected.EnumerateObject().Count() == actual.EnumerateObject().Count()) return null;
        }
        else if (JsonElement.DeepEquals(expected, actual))
        {
            return null;
        }

        return $"{path}: 3.5.0 says {Shortened(expected)}, this engine {Shortened(actual)}";
    }

    public static void AssertNone(JsonElement expected, JsonElement actual, string what)
    {
        if (Find(expected, actual) is { } difference) Assert.Fail($"{what} differs at {difference}");
    }

    private static string Shortened(JsonElement element) => element.GetRawText() is { Length: > 300 } text ? $"{text[..300]}…" : element.GetRawText();
}
