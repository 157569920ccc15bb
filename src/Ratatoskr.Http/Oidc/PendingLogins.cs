namespace Ratatoskr.Http.Oidc;

/// <summary>A sign-in between our redirect and the provider's answer.</summary>
internal sealed record PendingLogin
{
    /// <summary>256 random bits; the provider hands it back.</summary>
    public string State { get; } = Pkce.RandomText();

    public string CodeVerifier { get; } = Pkce.RandomText();

    public string Nonce { get; } = Pkce.RandomText();

    public required string RedirectUri { get; init; }

    /// <summary>The origin whose page may have the token; null when there is none to give it to.</summary>
    public string? TargetOrigin { get; init; }

    /// <summary>Set when a program on the user's machine wants it instead.</summary>
    public ProgramLogin? Program { get; init; }

    /// <summary>Whose place it takes.</summary>
    public required string Address { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A program that waits on a loopback port for a one-time code (RFC 8252 §7.3).</summary>
internal sealed record ProgramLogin(Uri RedirectUri, string CodeChallenge, string State);

/// <summary>
/// The sign-ins under way: 1,000 at most, and at most 50 from one address. A new one takes the place of the oldest of its own address; when all places are
/// taken, that of the oldest of the address with the most. So nobody can keep others from signing in without having a thousand addresses.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class PendingLogins(TimeProvider time, int totalMax = 1000, int perAddressMax = 50)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, PendingLogin> _byState = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Queue<PendingLogin>> _byAddress = new(StringComparer.Ordinal); // oldest first; may hold some that are taken already
    private readonly Queue<PendingLogin> _byAge = new();                                             // the same

    public int Count
    {
        get
        {
            lock (_gate) return _byState.Count;
        }
    }

    /// <summary>For tests: those in the queues, which are pending or were.</summary>
    internal int QueuedCount
    {
        get
        {
            lock (_gate) return Math.Max(_byAge.Count, _byAddress.Values.Sum(static queue => queue.Count));
        }
    }

    /// <summary>false: full, and nobody would still have as many places as this address if he gave one up.</summary>
    public bool TryAdd(PendingLogin login)
    {
        lock (_gate)
        {
            Sweep();
            int own = CountOf(login.Address);
            if (own >= perAddressMax)
            {
                RemoveOldest(login.Address);
            }
            else if (_byState.Count >= totalMax)
            {
                (string most, int count) = Most();
                if (count <= own + 1) return false;
                RemoveOldest(most);
            }

            _byState.Add(login.State, login);
            Enqueue(login);
            if (_byAge.Count > 2 * totalMax) ForgetTaken();
            return true;
        }
    }

    /// <summary>Each state once; null: never given, used already, or too old.</summary>
    public PendingLogin? Take(string state)
    {
        lock (_gate)
        {
            Sweep();
            if (!_byState.Remove(state, out PendingLogin? login)) return null;
            Trim(login.Address);
            return login;
        }
    }

    // All live equally long, so the oldest are in front. Those taken in between stay in the queues until they reach it, or are more than those that are not.
    private void Sweep()
    {
        DateTimeOffset oldest = time.GetUtcNow() - Lifetime;
        while (_byAge.TryPeek(out PendingLogin? login) && (login.CreatedAt <= oldest || !_byState.ContainsKey(login.State)))
        {
            _byAge.Dequeue();
            _byState.Remove(login.State);
            Trim(login.Address);
        }
    }

    private void ForgetTaken()
    {
        PendingLogin[] pending = [.. _byAge.Where(login => _byState.ContainsKey(login.State))];
        _byAge.Clear();
        _byAddress.Clear();
        foreach (PendingLogin login in pending) Enqueue(login);
    }

    private void Enqueue(PendingLogin login)
    {
        if (!_byAddress.TryGetValue(login.Address, out Queue<PendingLogin>? queue)) _byAddress.Add(login.Address, queue = new Queue<PendingLogin>());
        queue.Enqueue(login);
        _byAge.Enqueue(login);
    }

    private int CountOf(string address)
    {
        Trim(address);
        return _byAddress.TryGetValue(address, out Queue<PendingLogin>? queue) ? queue.Count(login => _byState.ContainsKey(login.State)) : 0;
    }

    // Only when full: at most a thousand addresses to look at.
    private (string Address, int Count) Most()
    {
        (string Address, int Count) most = ("", 0);
        foreach (IGrouping<string, PendingLogin> address in _byState.Values.GroupBy(static login => login.Address, StringComparer.Ordinal))
        {
            int count = address.Count();
            if (count > most.Count) most = (address.Key, count);
        }

        return most;
    }

    private void RemoveOldest(string address)
    {
        Trim(address);
        if (_byAddress.TryGetValue(address, out Queue<PendingLogin>? queue) && queue.TryDequeue(out PendingLogin? oldest)) _byState.Remove(oldest.State);
        Trim(address);
    }

    private void Trim(string address)
    {
        if (!_byAddress.TryGetValue(address, out Queue<PendingLogin>? queue)) return;
        while (queue.TryPeek(out PendingLogin? login) && !_byState.ContainsKey(login.State)) queue.Dequeue();
        if (queue.Count == 0) _byAddress.Remove(address);
    }
}
