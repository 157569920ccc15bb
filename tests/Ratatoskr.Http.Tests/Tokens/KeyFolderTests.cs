using System.Runtime.Versioning;
using Ratatoskr.Http.Oidc;
using Ratatoskr.Http.Tokens;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Http.Tests.Tokens;

[UnsupportedOSPlatform("windows")]
public sealed class KeyFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-keys-").FullName;

    private string KeyFile => Path.Combine(_folder, "keys", "session-signing.key");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_key_is_made_once_per_purpose_and_is_its_owners_alone()
    {
        byte[] first = Open();
        Assert.Equal(32, first.Length);
        Assert.Equal(first, Open());
        Assert.NotEqual(first, Keys().Open(KeyFolder.TokenHashing));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyFile));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(KeyFile)!));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    public void A_key_that_others_may_read_is_refused(UnixFileMode more)
    {
        Open();
        File.SetUnixFileMode(KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite | more);
        Assert.Contains("chmod 600", Assert.Throws<IOException>(() => Open()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("00", "1 bytes")]
    [InlineData("", "0 bytes")]
    [InlineData("my secret", "hexadecimal")]
    public void A_key_that_is_none_is_refused_and_not_shown(string content, string said)
    {
        Open();
        File.WriteAllText(KeyFile, content);
        string message = Assert.Throws<IOException>(() => Open()).Message;
        Assert.Contains(said, message, StringComparison.Ordinal);
        Assert.DoesNotContain("my secret", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_start_that_died_half_way_is_repaired()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(KeyFile)!);
        File.WriteAllText(KeyFile + ".new", "00");
        Assert.Equal(32, Open().Length);
    }

    [Fact]
    public void The_issuer_is_pinned()
    {
        IssuerPin.Check(_folder, "https://id.example.org/app/", DurableFiles.Replace);
        IssuerPin.Check(_folder, "https://id.example.org/app", DurableFiles.Replace);
        Assert.Contains("another provider's users", Assert.Throws<IOException>(() => IssuerPin.Check(_folder, "https://evil.example.org", DurableFiles.Replace)).Message, StringComparison.Ordinal);
    }

    private KeyFolder Keys()
    {
        string folder = Path.Combine(_folder, "keys");
        DurableFiles.CreateDirectory(folder);
        return new KeyFolder(folder, DurableFiles.Replace);
    }

    private byte[] Open() => Keys().Open(KeyFolder.SessionSigning);
}
