using System.Globalization;
using Ratatoskr.Storage.Faster.Devices;
using Ratatoskr.Storage.Faster.Folders;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>
/// The table's files, which go only when the store says so. FASTER removes what lies before the beginning as soon as a checkpoint is complete;
/// but that one counts only when its names are durable and the checkpoint record points to it. A crash in between would recover the one before, without its files.
/// </summary>
/// <remarks>FASTER calls it from its threads, the writer thread removes.</remarks>
internal sealed class TableDevice(IStoreFiles system, string path, TimeSpan writeAgainAfter) : GuardedDevice(path, system.OpenDevice(path), writeAgainAfter)
{
    private readonly Lock _gate = new();
    private readonly List<int> _unneeded = [];

    public override void RemoveSegment(int segment)
    {
        lock (_gate) _unneeded.Add(segment);
    }

    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result)
    {
        RemoveSegment(segment);
        callback(result);
    }

    /// <summary>Removes what FASTER wanted removed so far.</summary>
    public void RemoveUnneeded()
    {
        int[] segments;
        lock (_gate)
        {
            segments = [.. _unneeded];
            _unneeded.Clear();
        }

        foreach (int segment in segments) Files.RemoveSegment(segment);
    }

    /// <summary>After recovery: removes files that a crash left behind, before the beginning.</summary>
    public void RemoveBefore(long address, long segmentBytes)
    {
        string name = Path.GetFileName(FileName) + ".";
        foreach (string file in system.FilesIn(Path.GetDirectoryName(FileName)!))
        {
            ReadOnlySpan<char> of = Path.GetFileName(file.AsSpan());
            if (of.StartsWith(name, StringComparison.Ordinal)
                && long.TryParse(of[name.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out long segment) && segment < address / segmentBytes) system.Delete(file);
        }
    }
}
