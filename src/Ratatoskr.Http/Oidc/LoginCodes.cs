namespace Ratatoskr.Http.Oidc;

/// <summary>What a one-time code stands for: a user who has agreed that a program may act for him.</summary>
internal sealed record GrantedLogin(string UserId, ProgramLogin Program, DateTimeOffset CreatedAt);

/// <summary>One-time codes for programs: good for five minutes (the person may still be reading what he agrees to), once, and only for who has the verifier of the challenge they were asked with.</summary>
/// <remarks>Safe on any thread. Bounded: a code is made after a sign-in only, and the oldest goes first.</remarks>
internal sealed class LoginCodes(TimeProvider time, int max = 1000)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, GrantedLogin> _byCode = new(StringComparer.Ordinal);
    private readonly Queue<string> _byAge = new();

    public int Count
    {
        get
        {
            lock (_gate) return _byCode.Count;
        }
    }

    public string Add(string userId, ProgramLogin program)
    {
        string code = Pkce.RandomText();
        DateTimeOffset now = time.GetUtcNow();
        lock (_gate)
        {
            while (_byAge.TryPeek(out string? oldest) && (_byAge.Count >= max || !_byCode.TryGetValue(oldest, out GrantedLogin? old) || old.CreatedAt + Lifetime <= now))
            {
                _byAge.Dequeue();
                _byCode.Remove(oldest);
            }

            _byCode.Add(code, new GrantedLogin(userId, program, now));
            _byAge.Enqueue(code);
        }

        return code;
    }

    /// <summary>null: unknown, used, too old, or not this program's. A code that was tried wrongly is spent.</summary>
    public GrantedLogin? Take(string code, string? state, string? verifier)
    {
        GrantedLogin? login;
        lock (_gate)
        {
            if (!_byCode.Remove(code, out login)) return null;
        }

        bool good = time.GetUtcNow() < login.CreatedAt + Lifetime && login.Program.State == state && Pkce.Matches(login.Program.CodeChallenge, verifier);
        return good ? login : null;
    }
}
