using System.Text;

namespace Ratatoskr.Http.Oidc;

/// <summary>
/// The data folder remembers whose users it holds. User ids are the provider's subjects: another provider could hand out the same ones to other people,
/// who would then own these people's documents.
/// </summary>
public static class IssuerPin
{
    private const string FileName = "issuer";

    /// <summary>Pins the issuer at the first start with one.</summary>
    /// <exception cref="IOException">The folder holds another issuer's users.</exception>
    public static void Check(string dataFolder, string issuer, DurableWrite write)
    {
        ArgumentNullException.ThrowIfNull(write);
        ArgumentNullException.ThrowIfNull(issuer);
        string path = Path.Combine(dataFolder, FileName), wanted = issuer.TrimEnd('/');
        if (!File.Exists(path))
        {
            write(path, Encoding.UTF8.GetBytes(wanted + "\n"));
            return;
        }

        string pinned = File.ReadAllText(path).Trim().TrimEnd('/');
        if (pinned != wanted)
            throw new IOException($"the data folder holds the users of {pinned}, and OIDC_ISSUER is {wanted}: another provider's users could take over their ids (if it is the same provider under a new address, write that address into {path})");
    }
}
