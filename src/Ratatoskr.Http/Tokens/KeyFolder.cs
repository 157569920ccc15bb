using System.Security.Cryptography;
using System.Text;

namespace Ratatoskr.Http.Tokens;

/// <summary>
/// The folder with the server's own keys: one file per purpose, so that one key never does two jobs. A file holds the key in hexadecimal and belongs to the
/// server's user alone. Backups leave the folder out: without it sessions and links end and API tokens no longer match, and nothing else is lost.
/// </summary>
/// <remarks>Used at the start, by the one process that holds the data folder.</remarks>
/// <param name="folder">It must be there.</param>
/// <param name="write">Writes the files it makes.</param>
public sealed class KeyFolder(string folder, DurableWrite write)
{
    public const string SessionSigning = "session-signing";
    public const string TokenHashing = "token-hashing";
    public const string LinkSigning = "link-signing";

    /// <summary>Bytes of a key; what HMAC-SHA256 puts out, below which a key would be the weaker part.</summary>
    public const int KeyBytesMin = 32;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The key of a purpose, made when there is none yet.</summary>
    /// <exception cref="IOException">It is too short, others may read it, or it cannot be read; the message is one sentence for the operator.</exception>
    public byte[] Open(string purpose)
    {
        string path = Path.Combine(folder, purpose + ".key");
        try
        {
            return File.Exists(path) ? Read(path) : Make(path);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"the key file {path} cannot be read or made: {e.Message}", e);
        }
    }

    private static byte[] Read(string path)
    {
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & ~(OwnerOnly | UnixFileMode.UserExecute)) != 0)
            throw new IOException($"the key file {path} may be read by others: make it its owner's alone (chmod 600) or, if it may have been read, remove it");
        byte[] key;
        try
        {
            key = Convert.FromHexString(File.ReadAllText(path).Trim());
        }
        catch (FormatException)
        {
            throw new IOException($"the key file {path} does not hold a key in hexadecimal");
        }

        return key.Length >= KeyBytesMin ? key : throw new IOException($"the key file {path} holds {key.Length} bytes, and a key needs at least {KeyBytesMin}");
    }

    // API tokens are worth nothing without the key they were hashed with: it is on disk before the first of them is.
    private byte[] Make(string path)
    {
        byte[] key = RandomNumberGenerator.GetBytes(KeyBytesMin);
        write(path, Encoding.ASCII.GetBytes(Convert.ToHexStringLower(key) + "\n"));
        return key;
    }
}
