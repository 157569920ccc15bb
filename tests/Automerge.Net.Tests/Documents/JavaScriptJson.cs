using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Automerge.Tests.Documents;

/// <summary>JSON as JavaScript's <c>JSON.stringify</c> writes it, for comparing hashes of it.</summary>
internal static class JavaScriptJson
{
    public static string Stringify(JsonElement value)
    {
        StringBuilder text = new();
        Write(text, value);
        return text.ToString();
    }

    private static void Write(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                text.Append('{');
                // Keys that look like array indexes come first, in their order as numbers.
                int count = 0;
                foreach (JsonProperty property in value.EnumerateObject().Select((property, i) => (property, i)).OrderBy(item => IndexOf(item.property.Name) ?? uint.MaxValue).ThenBy(item => item.i).Select(item => item.property))
                {
                    if (count++ > 0) text.Append(',');
                    WriteString(text, property.Name);
                    text.Append(':');
                    Write(text, property.Value);
                }

                text.Append('}');
                break;
            case JsonValueKind.Array:
                text.Append('[');
                for (int i = 0; i < value.GetArrayLength(); i++)
                {
                    if (i > 0) text.Append(',');
                    Write(text, value[i]);
                }

                text.Append(']');
                break;
            case JsonValueKind.String:
                WriteString(text, value.GetString()!);
                break;
            case JsonValueKind.Number:
                text.Append(NumberText(value.GetDouble()));
                break;
            default:
                text.Append(value.GetRawText());
                break;
        }
    }

    private static uint? IndexOf(string key) =>
        uint.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out uint index) && index < uint.MaxValue && index.ToString(CultureInfo.InvariantCulture) == key ? index : null;

    // The shortest digits are the same; where exponents begin differs.
    private static string NumberText(double number)
    {
        if (number == 0) return "0";
        string[] parts = Math.Abs(number).ToString("E16", CultureInfo.InvariantCulture).Split('E');
        string shortest = number.ToString("R", CultureInfo.InvariantCulture);
        int exponent = int.Parse(parts[1], CultureInfo.InvariantCulture);
        if (exponent is >= -7 and < 21) return decimal.TryParse(shortest, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal plain) ? plain.ToString(CultureInfo.InvariantCulture) : shortest;
        return shortest.Replace("E+", "e+", StringComparison.Ordinal).Replace("E-0", "e-", StringComparison.Ordinal).Replace("E-", "e-", StringComparison.Ordinal);
    }

    private static void WriteString(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (char c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\b' => text.Append("\\b"),
                '\f' => text.Append("\\f"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                < ' ' => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        }

        text.Append('"');
    }
}
