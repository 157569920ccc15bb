namespace Ratatoskr.Transport.Upgrades;

/// <summary>
/// Connections that have not said yet what they are. There are only so many: one more takes the place of the oldest, so that half-open ones
/// never keep a newcomer out that says what it wants.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class PendingUpgrades(int countMax)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<UpgradePeek.Pending> _byAge = [];

    public int Count
    {
        get
        {
            lock (_gate) return _byAge.Count;
        }
    }

    /// <summary>So many that even those are not kept which Kestrel would keep.</summary>
    public bool AreMany => Count > countMax / 4;

    /// <summary>More than come at a time when each says at once what it is: no more are to be accepted than leave the others their processor.</summary>
    public bool AreCrowding => Count > countMax / 32;

    public void Add(UpgradePeek.Pending newcomer)
    {
        UpgradePeek.Pending? oldest = null;
        lock (_gate)
        {
            if (_byAge.Count >= countMax)
            {
                oldest = _byAge.First!.Value;
                _byAge.RemoveFirst();
            }

            _byAge.AddLast(newcomer.Node);
        }

        oldest?.GiveWay();
    }

    public void Remove(UpgradePeek.Pending pending)
    {
        lock (_gate)
        {
            if (pending.Node.List is not null) _byAge.Remove(pending.Node);
        }
    }
}
