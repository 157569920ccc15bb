namespace Ratatoskr.Engine.Access;

/// <summary>Who is behind a connection. Anonymous until an authenticator says otherwise.</summary>
/// <param name="Id">The user's id, empty for the anonymous.</param>
public sealed record Principal(string Id)
{
    public static readonly Principal Anonymous = new("");

    public bool IsAnonymous => Id.Length == 0;
}
