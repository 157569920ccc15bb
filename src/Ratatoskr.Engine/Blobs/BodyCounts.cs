using System.Runtime.InteropServices;

namespace Ratatoskr.Engine.Blobs;

/// <summary>How many bodies each user is sending now; an entry for each who sends any.</summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class BodyCounts(int max)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);

    /// <returns>null: he sends as many as he may; else to be disposed of when the body has been read.</returns>
    public Body? TryBegin(string user)
    {
        lock (_lock)
        {
            ref int count = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, user, out _);
            if (count >= max) return null;
            count++;
            return new Body(this, user);
        }
    }

    private void End(string user)
    {
        lock (_lock)
        {
            if (--CollectionsMarshal.GetValueRefOrNullRef(_counts, user) == 0) _counts.Remove(user);
        }
    }

    internal sealed class Body(BodyCounts counts, string user) : IDisposable
    {
        public void Dispose() => counts.End(user);
    }
}
