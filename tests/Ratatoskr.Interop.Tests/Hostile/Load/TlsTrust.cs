using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>A certificate that a server of these tests shows, and clients that do not look at it.</summary>
internal static class TlsTrust
{
    /// <summary>Writes certificate and key into a folder, and names the files.</summary>
    public static (string Certificate, string Key) WriteTo(string folder)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        string certificatePath = Path.Combine(folder, "certificate.pem"), keyPath = Path.Combine(folder, "key.pem");
        File.WriteAllText(certificatePath, certificate.ExportCertificatePem());
        File.WriteAllText(keyPath, key.ExportPkcs8PrivateKeyPem());
        return (certificatePath, keyPath);
    }

    [SuppressMessage("Security", "CA5359", Justification = "the server is ours, on this machine")]
    public static SslClientAuthenticationOptions Anyone(string host) => new() { TargetHost = host, RemoteCertificateValidationCallback = static (_, _, _, _) => true };
}
