using System.Globalization;
using Ratatoskr.Transport;

namespace Ratatoskr.Server.Composition;

/// <summary>The limits of connections that follow from how many files the process may have open.</summary>
internal static class FileLimits
{
    private const string OpenFilesPrefix = "Max open files";

    // The store's files, the database, the runtime's own.
    private const int OtherFiles = 256;

    /// <summary>Fewer connections where files are few: one that cannot be accepted for want of a file keeps all others waiting too.</summary>
    public static TransportOptions Of(TransportOptions options, int? openFiles)
    {
        if (openFiles is not { } files) return options;
        int pending = Math.Min(options.PendingUpgradesMax, files / 8), http = Math.Min(options.HttpConnectionCountMax, files / 8);
        return options with
        {
            PendingUpgradesMax = Math.Max(1, pending),
            HttpConnectionCountMax = Math.Max(1, http),
            ConnectionCountMax = Math.Min(options.ConnectionCountMax, Math.Max(1, files - pending - http - OtherFiles)),
        };
    }

    /// <summary>null where that is not known.</summary>
    public static int? OpenFiles()
    {
        try
        {
            string? line = File.ReadLines("/proc/self/limits").FirstOrDefault(line => line.StartsWith(OpenFilesPrefix, StringComparison.Ordinal));
            string? soft = line?[OpenFilesPrefix.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
            return int.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out int files) ? files : null;
        }
        catch (IOException)
        {
            return null;                // not Linux
        }
    }
}
