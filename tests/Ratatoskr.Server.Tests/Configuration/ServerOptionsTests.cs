using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Server.Configuration;

namespace Ratatoskr.Server.Tests.Configuration;

public sealed class ServerOptionsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-options-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Nothing_set_gives_the_documented_defaults()
    {
        ServerOptions options = Read();
        Assert.Equal(4151, options.Port);
        Assert.Equal(IPAddress.Loopback, options.Address);
        Assert.Equal(Path.GetFullPath("data"), options.DataDirectory);
        Assert.Equal(AccessMode.Open, options.AccessMode);
        Assert.Equal(Environment.ProcessorCount, options.ShardCount);
        Assert.Equal(512, options.MemoryBudgetMb);
        Assert.Equal(16 << 20, options.MaxDocumentRows);
        Assert.Equal(1_000, options.CompactAfterChanges);
        Assert.Equal(ValidationMode.Enforce, options.Validation);
        Assert.Null(options.Tls);
        Assert.Equal(LogFormat.Text, options.LogFormat);
    }

    [Fact]
    public void Empty_counts_as_not_set() =>
        Assert.Equal(Read(), Read(("PORT", ""), ("HOST", " "), ("DATA_DIR", ""), ("ACCESS_MODE", ""), ("SHARDS", ""), ("MEMORY_BUDGET_MB", ""), ("MAX_DOCUMENT_ROWS", ""), ("COMPACT_AFTER_CHANGES", ""), ("VALIDATION", ""), ("TLS_CERT", ""), ("TLS_KEY", ""), ("LOG_FORMAT", "")));

    [Theory]
    [InlineData("0", 0)]
    [InlineData("65535", 65535)]
    [InlineData(" 80 ", 80)]
    public void Port_is_taken(string text, int port) => Assert.Equal(port, Read(("PORT", text)).Port);

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("0.0.0.0", "0.0.0.0")]
    [InlineData("::", "::")]
    [InlineData("[::1]", "::1")]
    [InlineData("localhost", null)]
    [InlineData("LocalHost", null)]
    public void Host_is_taken(string text, string? address) => Assert.Equal(address, Read(("HOST", text)).Address?.ToString());

    [Fact]
    public void Data_folder_becomes_absolute() => Assert.Equal(Path.GetFullPath("somewhere/else"), Read(("DATA_DIR", "somewhere/else")).DataDirectory);

    [Fact]
    public void Other_values_are_taken()
    {
        ServerOptions options = Read(("ACCESS_MODE", "open"), ("SHARDS", "3"), ("MEMORY_BUDGET_MB", "64"), ("MAX_DOCUMENT_ROWS", "1000"), ("COMPACT_AFTER_CHANGES", "10"), ("VALIDATION", "observe"), ("LOG_FORMAT", "json"));
        Assert.Equal(1000, options.MaxDocumentRows);
        Assert.Equal(10, options.CompactAfterChanges);
        Assert.Equal(ValidationMode.Observe, options.Validation);
        Assert.Equal((AccessMode.Open, 3, 64, LogFormat.Json), (options.AccessMode, options.ShardCount, options.MemoryBudgetMb, options.LogFormat));
    }

    [Theory]
    [InlineData("PORT", "65536")]
    [InlineData("PORT", "-1")]
    [InlineData("PORT", "http")]
    [InlineData("PORT", "0x50")]
    [InlineData("PORT", "99999999999999999999")]
    [InlineData("HOST", "example.org")]
    [InlineData("HOST", "1")]
    [InlineData("HOST", "127.0.0.1:80")]
    [InlineData("HOST", "300.1.1.1")]
    [InlineData("DATA_DIR", "nul\0byte")]
    [InlineData("ACCESS_MODE", "closed")]
    [InlineData("ACCESS_MODE", "Open")]
    [InlineData("SHARDS", "0")]
    [InlineData("SHARDS", "257")]
    [InlineData("SHARDS", "1.5")]
    [InlineData("MEMORY_BUDGET_MB", "63")]
    [InlineData("MAX_DOCUMENT_ROWS", "999")]
    [InlineData("COMPACT_AFTER_CHANGES", "9")]
    [InlineData("VALIDATION", "off")]
    [InlineData("MEMORY_BUDGET_MB", "1 GB")]
    [InlineData("LOG_FORMAT", "xml")]
    [InlineData("TLS_CERT", "/no/such/file.pem")]
    [InlineData("TLS_KEY", "/no/such/file.pem")]
    public void Bad_value_is_refused_in_one_line_that_names_it(string name, string value)
    {
        SettingException refused = Assert.Throws<SettingException>(() => Read((name, value)));
        Assert.Contains(refused.Name, refused.Message, StringComparison.Ordinal);
        Assert.Contains(" cannot be used: ", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(refused.Message, char.IsControl);
        if (!name.StartsWith("TLS", StringComparison.Ordinal)) Assert.StartsWith($"{name}={value.Replace('\0', ' ')} ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Accounts_are_said_to_come_later() =>
        Assert.Contains("not part of this version yet", Assert.Throws<SettingException>(() => Read(("ACCESS_MODE", "accounts"))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_value_cannot_forge_a_second_line()
    {
        string message = Assert.Throws<SettingException>(() => Read(("LOG_FORMAT", "x\nlistening on everything" + new string('y', 5000)))).Message;
        Assert.DoesNotContain('\n', message);
        Assert.True(message.Length < 500);
    }

    [Fact]
    public void Data_folder_that_is_a_file_is_refused()
    {
        string file = WriteFile("file", "");
        Assert.Equal("DATA_DIR", Assert.Throws<SettingException>(() => Read(("DATA_DIR", file))).Name);
    }

    [Fact]
    public void Certificate_and_key_are_read()
    {
        (string certificate, string key) = WriteCertificate("a");
        TlsFiles? tls = Read(("TLS_CERT", certificate), ("TLS_KEY", key)).Tls;
        Assert.NotNull(tls);
        Assert.True(tls.Certificate.HasPrivateKey);
        Assert.Single(tls.Chain);
    }

    [Fact]
    public void Certificate_without_key_and_key_without_certificate_are_refused()
    {
        (string certificate, string key) = WriteCertificate("a");
        Assert.Equal("TLS_KEY", Assert.Throws<SettingException>(() => Read(("TLS_CERT", certificate))).Name);
        Assert.Equal("TLS_CERT", Assert.Throws<SettingException>(() => Read(("TLS_KEY", key))).Name);
    }

    [Fact]
    public void Files_that_do_not_fit_are_refused_by_the_variable_at_fault()
    {
        (string certificate, string key) = WriteCertificate("a");
        (_, string otherKey) = WriteCertificate("b");
        string nonsense = WriteFile("nonsense.pem", "not PEM");
        Assert.Equal("TLS_KEY", Assert.Throws<SettingException>(() => Read(("TLS_CERT", certificate), ("TLS_KEY", otherKey))).Name);
        Assert.Equal("TLS_KEY", Assert.Throws<SettingException>(() => Read(("TLS_CERT", certificate), ("TLS_KEY", nonsense))).Name);
        Assert.Equal("TLS_CERT", Assert.Throws<SettingException>(() => Read(("TLS_CERT", nonsense), ("TLS_KEY", key))).Name);
        Assert.Equal("TLS_CERT", Assert.Throws<SettingException>(() => Read(("TLS_CERT", _folder), ("TLS_KEY", key))).Name);
    }

    private static ServerOptions Read(params (string Name, string Value)[] variables) =>
        ServerOptions.Read(name => variables.FirstOrDefault(variable => variable.Name == name).Value);

    private string WriteFile(string name, string content)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, content);
        return path;
    }

    private (string Certificate, string Key) WriteCertificate(string name)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=localhost", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return (WriteFile(name + ".crt", certificate.ExportCertificatePem()), WriteFile(name + ".key", key.ExportPkcs8PrivateKeyPem()));
    }
}
