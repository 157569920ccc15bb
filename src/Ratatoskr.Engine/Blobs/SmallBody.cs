using System.IO.Pipelines;

namespace Ratatoskr.Engine.Blobs;

/// <summary>A body that has come with its request's headers: nobody waits for its sender, so it takes no place among those being received. Many at once hold little memory.</summary>
public static class SmallBody
{
    /// <summary>Bytes: 16 MiB in a thousand of them.</summary>
    public const int LengthMax = 16 << 10;

    /// <summary>Whether all of it is there, and no more than so many bytes. Takes nothing of it.</summary>
    public static bool IsThere(PipeReader body, int lengthMax)
    {
        ArgumentNullException.ThrowIfNull(body);
        if (!body.TryRead(out ReadResult read)) return false;
        bool isThere = read.IsCompleted && read.Buffer.Length <= lengthMax;
        body.AdvanceTo(read.Buffer.Start);
        return isThere;
    }
}
