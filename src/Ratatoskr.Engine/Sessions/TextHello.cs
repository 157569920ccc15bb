using System.Text.Json;

namespace Ratatoskr.Engine.Sessions;

/// <summary>An <c>auth</c> sent as JSON in a text frame: <c>{"type":"auth","token":"…"}</c> or <c>{"type":"auth","anonymous":true}</c>. Everything after it is CBOR.</summary>
internal static class TextHello
{
    private const int DepthMax = 8;

    /// <returns>false: it is something else.</returns>
    public static bool TryRead(ReadOnlySpan<byte> utf8, out string token, out bool anonymous)
    {
        token = "";
        anonymous = false;
        bool isAuth = false;
        Utf8JsonReader reader = new(utf8, new JsonReaderOptions { MaxDepth = DepthMax });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isType = reader.ValueTextEquals("type"u8), isToken = reader.ValueTextEquals("token"u8), isAnonymous = reader.ValueTextEquals("anonymous"u8);
                reader.Read();
                if (isType) isAuth = reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("auth"u8);
                else if (isToken && reader.TokenType == JsonTokenType.String) token = reader.GetString()!;
                else if (isAnonymous) anonymous = reader.TokenType == JsonTokenType.True;
                else reader.Skip();
            }

            return isAuth && reader.TokenType == JsonTokenType.EndObject && !reader.Read();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
