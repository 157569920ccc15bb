using System.Reflection;

namespace Ratatoskr.Server.Configuration;

/// <summary>The command has two switches and one word; all settings are environment variables.</summary>
internal static class CommandLine
{
    /// <summary>The word that has the data folder checked instead of served.</summary>
    public const string Check = "check";

    public const string Help = """
        ratatoskr: a sync server for Automerge documents

        usage: ratatoskr [--help | --version]
               ratatoskr check     reads all that DATA_DIR holds, of a server that is stopped,
                                   and names what is damaged, with files and documents

        Settings are environment variables, all optional:
          PORT              port for WebSocket and HTTP; 0 takes a free one (4151)
          HOST              localhost or the IP address to listen on (127.0.0.1; 0.0.0.0 with OIDC_ISSUER)
          DATA_DIR          folder for everything that is kept (./data)
          ACCESS_MODE       accounts: people sign in, documents have owners; open: whoever knows
                            a document's id may read and write it (accounts)
          OIDC_ISSUER       the OpenID provider that signs people in; without it people on this
                            machine sign in under any name
          OIDC_CLIENT_ID, OIDC_CLIENT_SECRET
                            this server's name at the provider, and its secret if it has one
          OIDC_REDIRECT_URI where the provider sends people back (BASE_URL/api/v1/auth/callback)
          BASE_URL          how browsers reach this server
          JWT_SECRET        signs session tokens, at least 32 bytes (a key in DATA_DIR/keys)
          CORS_ALLOWED_ORIGINS
                            origins whose pages may use this server, by commas (all)
          TRUSTED_PROXIES   addresses or networks whose X-Forwarded-For is believed (none)
          DEFAULT_MAX_DOCUMENTS, DEFAULT_MAX_DOCUMENT_SIZE, DEFAULT_MAX_TOTAL_STORAGE
                            what a user may have (10000, 10485760 and 1073741824 bytes)
          SHARDS            loops that work on documents (one per core)
          MEMORY_BUDGET_MB  memory for documents and buffers (512)
          MAX_CONNECTIONS   WebSockets open at a time (20000)
          MAX_MESSAGE_MB    largest message, and document brought whole (100, or what memory allows)
          MAX_DOCUMENT_ROWS operations of one document; beyond them it can be read only (16777216)
          COMPACT_AFTER_CHANGES
                            changes kept one by one before they are folded together (1000)
          VALIDATION        enforce or observe: refuse changes that break a document, or only log them (enforce)
          TLS_CERT, TLS_KEY PEM files of a certificate and its key; both or neither
          LOG_FORMAT        text or json, on standard error (text)
          OTEL_EXPORTER_OTLP_ENDPOINT
                            where metrics and traces are sent; the other OTEL_ variables go with it (nowhere)
          METRICS_TOKEN     who brings it may read /metrics, at least 16 bytes (this machine may)

        Exit codes: 0 stopped by SIGTERM or SIGINT, 1 could not start or failed, 2 a setting cannot be used,
        3 check has found damage.
        """;

    public static string Version { get; } = "ratatoskr " + ShortVersion();

    /// <summary>What to print and end with; null to serve, or to check.</summary>
    public static (string Text, int ExitCode)? Answer(IReadOnlyList<string> arguments) => arguments switch
    {
        [] or [Check] => null,
        ["--help" or "-h"] => (Help, 0),
        ["--version"] => (Version, 0),
        _ => ($"unknown argument {string.Join(' ', arguments)}; ratatoskr --help lists what there is", 2),
    };

    // Without the source revision that the SDK appends after a plus sign.
    private static string ShortVersion()
    {
        Assembly assembly = typeof(CommandLine).Assembly;
        string version = assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
        int plus = version.IndexOf('+', StringComparison.Ordinal);
        return plus < 0 ? version : version[..plus];
    }
}
