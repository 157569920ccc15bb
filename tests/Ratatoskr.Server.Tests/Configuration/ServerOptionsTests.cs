using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ratatoskr.Engine.Blobs;
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
        Assert.Equal(AccessMode.Accounts, options.AccessMode);
        Assert.Null(options.Accounts.Provider);
        Assert.Empty(options.Accounts.CorsAllowedOrigins);
        Assert.Equal((10_000, 10_485_760, 1_073_741_824), (options.Accounts.DefaultQuotas.MaxDocuments, options.Accounts.DefaultQuotas.MaxDocumentSize, options.Accounts.DefaultQuotas.MaxTotalStorage));
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
        Assert.Equal(Read(), Read(("PORT", ""), ("HOST", " "), ("DATA_DIR", ""), ("ACCESS_MODE", ""), ("OIDC_ISSUER", ""), ("OIDC_CLIENT_ID", ""), ("OIDC_CLIENT_SECRET", ""), ("OIDC_REDIRECT_URI", ""), ("BASE_URL", ""), ("JWT_SECRET", ""), ("CORS_ALLOWED_ORIGINS", ""), ("TRUSTED_PROXIES", ""), ("DEFAULT_MAX_DOCUMENTS", ""), ("SHARDS", ""), ("MEMORY_BUDGET_MB", ""), ("MAX_DOCUMENT_ROWS", ""), ("COMPACT_AFTER_CHANGES", ""), ("VALIDATION", ""), ("TLS_CERT", ""), ("TLS_KEY", ""), ("LOG_FORMAT", "")));

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
    public void Host_is_taken(string text, string? address) => Assert.Equal(address, Read(("HOST", text), ("ACCESS_MODE", "open")).Address?.ToString());

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
    [InlineData("OIDC_ISSUER", "http://id.example.org")]
    [InlineData("OIDC_ISSUER", "id.example.org")]
    [InlineData("OIDC_ISSUER", "https://id.example.org/?tenant=1")]
    [InlineData("BASE_URL", "sync.example.org")]
    [InlineData("BASE_URL", "ftp://sync.example.org")]
    [InlineData("CORS_ALLOWED_ORIGINS", "app.example.org")]
    [InlineData("CORS_ALLOWED_ORIGINS", "https://app.example.org/path")]
    [InlineData("TRUSTED_PROXIES", "proxy")]
    [InlineData("DEFAULT_MAX_DOCUMENTS", "-1")]
    [InlineData("DEFAULT_MAX_DOCUMENT_SIZE", "10 MB")]
    [InlineData("DEFAULT_MAX_BLOB_STORAGE", "-1")]
    [InlineData("DEFAULT_MAX_BLOB_SIZE", "1 GB")]
    [InlineData("BLOB_ACCESS", "public")]
    [InlineData("BLOB_STORE", "disk")]
    [InlineData("SHARDS", "0")]
    [InlineData("SHARDS", "257")]
    [InlineData("SHARDS", "1.5")]
    [InlineData("MEMORY_BUDGET_MB", "63")]
    [InlineData("MAX_CONNECTIONS", "0")]
    [InlineData("MAX_MESSAGE_MB", "107")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")]
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
    public void Blobs_are_files_for_who_may_read_them_unless_something_else_is_said()
    {
        AccountSettings usual = Read().Accounts, other = Read(("BLOB_ACCESS", "capability"), ("DEFAULT_MAX_BLOB_STORAGE", "7"), ("DEFAULT_MAX_BLOB_SIZE", "5")).Accounts;
        Assert.Equal((BlobRule.Accounts, null, 5L << 30, 1L << 30), (usual.Blobs.Rule, usual.Blobs.S3, usual.DefaultQuotas.MaxBlobStorage, usual.DefaultQuotas.MaxBlobSize));
        Assert.Equal((BlobRule.Capability, 7, 5), (other.Blobs.Rule, other.DefaultQuotas.MaxBlobStorage, other.DefaultQuotas.MaxBlobSize));
    }

    [Fact]
    public void Bucket_is_named_with_all_that_it_needs()
    {
        S3Settings amazon = Read(("BLOB_STORE", "s3"), ("S3_BUCKET", "my-blobs")).Accounts.Blobs.S3!;
        Assert.Equal(("my-blobs", null, "us-east-1", null, "", false), (amazon.Bucket, amazon.Endpoint, amazon.Region, amazon.KeyId, amazon.Prefix, amazon.Presign));
        S3Settings own = Read(
            ("BLOB_STORE", "s3"), ("S3_BUCKET", "blobs"), ("S3_ENDPOINT", "http://127.0.0.1:9000"), ("S3_REGION", "here"), ("S3_ACCESS_KEY_ID", "id"), ("S3_SECRET_ACCESS_KEY", "secret"),
            ("S3_PREFIX", "a/b/"), ("S3_PRESIGNED_DOWNLOADS", "true")).Accounts.Blobs.S3!;
        Assert.Equal((new Uri("http://127.0.0.1:9000"), "here", "id", "secret", "a/b/", true), (own.Endpoint, own.Region, own.KeyId, own.Secret, own.Prefix, own.Presign));
        Assert.DoesNotContain("secret", own.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("S3_BUCKET", "")]
    [InlineData("S3_BUCKET", "a/b")]
    [InlineData("S3_BUCKET", "ab")]
    [InlineData("S3_ENDPOINT", "minio:9000")]
    [InlineData("S3_ENDPOINT", "https://s3.example.org/?x=1")]
    [InlineData("S3_PREFIX", "/blobs")]
    [InlineData("S3_PREFIX", "a b")]
    [InlineData("S3_SECRET_ACCESS_KEY", "alone and secret")]
    [InlineData("S3_PRESIGNED_DOWNLOADS", "yes")]
    public void Bucket_that_cannot_be_used_is_refused(string name, string value)
    {
        SettingException refused = Assert.Throws<SettingException>(() => Read(("BLOB_STORE", "s3"), name == "S3_BUCKET" ? ("PORT", "1") : ("S3_BUCKET", "blobs"), (name, value)));
        Assert.Equal(name, refused.Name);
        Assert.DoesNotContain("alone", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_provider_opens_the_server_to_others()
    {
        ServerOptions options = Read(
            ("OIDC_ISSUER", "https://id.example.org/app/"), ("OIDC_CLIENT_ID", "sync"), ("OIDC_CLIENT_SECRET", "hush hush"), ("OIDC_REDIRECT_URI", "https://sync.example.org/api/v1/auth/callback"),
            ("BASE_URL", "https://sync.example.org/"), ("JWT_SECRET", new string('s', 32)), ("CORS_ALLOWED_ORIGINS", "https://a.example.org, http://localhost:5173/"),
            ("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"), ("DEFAULT_MAX_DOCUMENTS", "7"), ("DEFAULT_MAX_DOCUMENT_SIZE", "8"), ("DEFAULT_MAX_TOTAL_STORAGE", "9"));
        Assert.Equal(IPAddress.Any, options.Address);
        Assert.Equal(("https://id.example.org/app/", "sync", "hush hush"), (options.Accounts.Provider!.Issuer, options.Accounts.Provider.ClientId, options.Accounts.Provider.ClientSecret));
        Assert.Equal("https://sync.example.org/api/v1/auth/callback", options.Accounts.Provider.RedirectUri!.OriginalString);
        Assert.Equal(["https://a.example.org", "http://localhost:5173"], options.Accounts.CorsAllowedOrigins);
        Assert.True(options.Accounts.Clients.HasProxies);
        Assert.Equal((7, 8, 9), (options.Accounts.DefaultQuotas.MaxDocuments, options.Accounts.DefaultQuotas.MaxDocumentSize, options.Accounts.DefaultQuotas.MaxTotalStorage));
        Assert.DoesNotContain("hush", options.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_mode_stays_on_this_machine_unless_told_otherwise() =>
        Assert.Equal(IPAddress.Loopback, Read(("ACCESS_MODE", "open"), ("OIDC_ISSUER", "https://id.example.org"), ("OIDC_CLIENT_ID", "sync")).Address);

    [Theory]
    [InlineData("HOST", "HOST", "0.0.0.0")]
    [InlineData("HOST", "HOST", "192.0.2.1")]
    [InlineData("OIDC_ISSUER", "TRUSTED_PROXIES", "192.0.2.1")]
    [InlineData("OIDC_ISSUER", "BASE_URL", "https://sync.example.org")]
    [InlineData("OIDC_ISSUER", "OIDC_CLIENT_ID", "sync")]
    [InlineData("OIDC_ISSUER", "OIDC_CLIENT_SECRET", "hush")]
    [InlineData("OIDC_CLIENT_ID", "OIDC_ISSUER", "https://id.example.org")]
    public void Accounts_that_nobody_or_everybody_could_enter_are_refused(string refused, string name, string value) =>
        Assert.Equal(refused, Assert.Throws<SettingException>(() => Read((name, value))).Name);

    [Fact]
    public void A_public_server_must_know_its_address() =>
        Assert.Equal("BASE_URL", Assert.Throws<SettingException>(() => Read(("OIDC_ISSUER", "https://id.example.org"), ("OIDC_CLIENT_ID", "sync"))).Name);

    [Fact]
    public void Secrets_are_not_shown() =>
        Assert.DoesNotContain("letmein", Assert.Throws<SettingException>(() => Read(("JWT_SECRET", "letmein"))).Message, StringComparison.Ordinal);

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
