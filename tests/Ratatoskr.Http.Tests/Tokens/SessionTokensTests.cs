using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Ratatoskr.Http.Tokens;

namespace Ratatoskr.Http.Tests.Tokens;

public sealed class SessionTokensTests
{
    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private static readonly SessionClaims Claims = new("oidc:alice \"é\"", "0123abcd", Now, Now.AddHours(1));
    private readonly SessionTokens _tokens = new(Key);

    [Fact]
    public void Round_trip_gives_the_same_claims()
    {
        Assert.True(_tokens.TryRead(_tokens.Make(Claims), Now, out SessionClaims read));
        Assert.Equal(Claims, read);
    }

    [Fact]
    public void It_is_the_JWT_that_others_would_make()
    {
        string[] parts = _tokens.Make(Claims).Split('.');
        Assert.Equal(3, parts.Length);
        Assert.Equal("""{"alg":"HS256","typ":"JWT"}""", Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[0])));
        Assert.Equal(Base64Url.EncodeToString(HMACSHA256.HashData(Key, Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"))), parts[2]);
    }

    [Fact]
    public void It_ends_at_its_second()
    {
        string token = _tokens.Make(Claims);
        Assert.True(_tokens.TryRead(token, Claims.ExpiresAt.AddSeconds(-1), out _));
        Assert.False(_tokens.TryRead(token, Claims.ExpiresAt, out _));
    }

    [Fact]
    public void Another_key_makes_other_tokens() => Assert.False(new SessionTokens(RandomNumberGenerator.GetBytes(32)).TryRead(_tokens.Make(Claims), Now, out _));

    [Fact]
    public void No_other_text_is_this_token()
    {
        string token = _tokens.Make(Claims);
        for (int i = 0; i < token.Length; i++)
        {
            foreach (char other in "AB9-_.= é")
            {
                if (token[i] == other) continue;
                Assert.False(_tokens.TryRead(string.Concat(token.AsSpan(0, i), [other], token.AsSpan(i + 1)), Now, out _), $"{i}: {other}");
            }

            Assert.False(_tokens.TryRead(token.AsSpan(0, i), Now, out _));
        }

        foreach (char last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
            if (last != token[^1]) Assert.False(_tokens.TryRead(token[..^1] + last, Now, out _), $"the last character may not be {last}");
        foreach (string around in new[] { token + ".", token + "=", " " + token, token + "\n", token + ".e30", "Bearer " + token }) Assert.False(_tokens.TryRead(around, Now, out _));
    }

    [Theory]
    [InlineData("""{"alg":"none","typ":"JWT"}""")]
    [InlineData("""{"typ":"JWT","alg":"HS256"}""")]
    [InlineData("""{"alg":"HS512","typ":"JWT"}""")]
    [InlineData("""{"alg":"HS256","typ":"JWT","kid":"x"}""")]
    public void Only_our_own_header_is_taken(string header)
    {
        string payload = _tokens.Make(Claims).Split('.')[1];
        string signed = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header))}.{payload}";
        Assert.False(_tokens.TryRead($"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(Key, Encoding.ASCII.GetBytes(signed)))}", Now, out _));
        Assert.False(_tokens.TryRead(signed + ".", Now, out _));
    }

    [Theory]
    [InlineData("""{"sub":"a","iat":1,"exp":9999999999}""")]
    [InlineData("""{"sub":"a","sid":"s","iat":1}""")]
    [InlineData("""{"sub":"","sid":"s","iat":1,"exp":9999999999}""")]
    [InlineData("""{"sub":7,"sid":"s","iat":1,"exp":9999999999}""")]
    [InlineData("""{"sub":"a","sid":"s","iat":1,"exp":"9999999999"}""")]
    [InlineData("""{"sub":"a","sid":"s","iat":1,"exp":99999999999999}""")]
    [InlineData("""{"sub":"a","sid":"s","iat":1,"exp":1e400}""")]
    [InlineData("""["sub"]""")]
    [InlineData("nonsense")]
    [InlineData("")]
    public void What_our_key_signed_elsewhere_is_no_session(string payload)
    {
        string signed = $"{_tokens.Make(Claims).Split('.')[0]}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload))}";
        Assert.False(_tokens.TryRead($"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(Key, Encoding.ASCII.GetBytes(signed)))}", Now, out _));
    }

    [Fact]
    public void Endless_text_is_refused() => Assert.False(_tokens.TryRead(_tokens.Make(Claims) + new string('a', 100_000), Now, out _));
}
