using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ratatoskr.Server.Configuration;

/// <summary>A certificate with its key, and the certificates between it and its root, from PEM files.</summary>
internal sealed record TlsFiles(X509Certificate2 Certificate, X509Certificate2Collection Chain)
{
    /// <summary>null when neither is set.</summary>
    /// <exception cref="SettingException">One without the other, or files that cannot be used. The key's content is never shown.</exception>
    public static TlsFiles? Read(string? certificatePath, string? keyPath)
    {
        if (certificatePath is null && keyPath is null) return null;
        if (keyPath is null) throw new SettingException("TLS_KEY", "", "TLS_CERT is set, so it must name the key's PEM file");
        if (certificatePath is null) throw new SettingException("TLS_CERT", "", "TLS_KEY is set, so it must name the certificate's PEM file");

        string certificatePem = ReadPem("TLS_CERT", certificatePath);
        string keyPem = ReadPem("TLS_KEY", keyPath);
        X509Certificate2Collection chain = [];
        try
        {
            chain.ImportFromPem(certificatePem);
        }
        catch (CryptographicException)
        {
            throw new SettingException("TLS_CERT", certificatePath, "it must be a PEM file with a certificate");
        }

        if (chain.Count == 0) throw new SettingException("TLS_CERT", certificatePath, "it must be a PEM file with a certificate");
        try
        {
            return new TlsFiles(X509Certificate2.CreateFromPem(certificatePem, keyPem), chain);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new SettingException("TLS_KEY", keyPath, "it must be a PEM file with the unencrypted key of the certificate in TLS_CERT");
        }
    }

    private static string ReadPem(string name, string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new SettingException(name, path, "it must be a PEM file that this process may read");
        }
    }
}
