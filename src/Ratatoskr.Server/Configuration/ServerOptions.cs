using System.Globalization;
using System.Net;
using System.Text;
using Ratatoskr.Engine.Limits;

namespace Ratatoskr.Server.Configuration;

internal enum AccessMode
{
    /// <summary>People sign in, documents have owners and access lists.</summary>
    Accounts,

    /// <summary>Whoever knows a document's id may read and write it, as with automerge-repo-sync-server.</summary>
    Open,
}

internal enum LogFormat
{
    Text,
    Json,
}

/// <summary>All settings, checked. Read from environment variables once, at the start.</summary>
internal sealed record ServerOptions
{
    private const int MemoryBudgetMbMin = 64;
    private const int MemoryBudgetMbMax = 1024 * 1024;
    private const int ShardCountMax = 256;
    private const int DocumentRowsMin = 1_000;
    private const int DocumentRowsMax = 1 << 28;
    private const int CompactAfterChangesMin = 10;
    private const int CompactAfterChangesMax = 1_000_000;
    private const int ConnectionsMax = 1_000_000;
    private const int MessageMbMax = 1_024;
    private const int MetricsTokenBytesMin = 16;
    private const string OtlpEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>0: any free one.</summary>
    public int Port { get; init; } = 4151;

    /// <summary>An address, or null for <c>localhost</c>: both loopback addresses.</summary>
    public IPAddress? Address { get; init; } = IPAddress.Loopback;

    /// <summary>Absolute.</summary>
    public string DataDirectory { get; init; } = Path.GetFullPath("data");

    public AccessMode AccessMode { get; init; }

    /// <summary>Means something in <see cref="AccessMode.Accounts"/> only, but is checked always.</summary>
    public AccountSettings Accounts { get; init; } = new();

    public int ShardCount { get; init; } = Math.Min(Environment.ProcessorCount, ShardCountMax);

    /// <summary>What documents and buffers may take together; the runtime's own memory comes on top.</summary>
    public int MemoryBudgetMb { get; init; } = 512;

    /// <summary>WebSockets open at a time.</summary>
    public int MaxConnections { get; init; } = 20_000;

    /// <summary>Largest message, so also the largest document that a peer can bring whole; null: as much as memory allows, and no more than other servers take.</summary>
    public int? MaxMessageMb { get; init; }

    /// <summary>Operations of one document, deleted ones and the mentions of what replaced them included; beyond them it cannot be written.</summary>
    public int MaxDocumentRows { get; init; } = 16 << 20;

    /// <summary>Changes kept one by one before they are folded into the document's snapshot; many bytes are folded sooner, and quiet documents too.</summary>
    public int CompactAfterChanges { get; init; } = 1_000;

    public ValidationMode Validation { get; init; }

    public TlsFiles? Tls { get; init; }

    public LogFormat LogFormat { get; init; }

    /// <summary>Who brings it may read <c>/metrics</c>, UTF-8; null: this machine may.</summary>
    public byte[]? MetricsToken { get; init; }

    /// <summary>Metrics and traces are sent to a collector: OpenTelemetry's own variables say where and how.</summary>
    public bool SendsTelemetry { get; init; }

    /// <summary>Reads the settings; a variable that is empty counts as not set.</summary>
    /// <param name="variable">An environment variable by its name.</param>
    /// <exception cref="SettingException">The first one that cannot be used.</exception>
    public static ServerOptions Read(Func<string, string?> variable)
    {
        ServerOptions defaults = new();
        AccessMode mode = Access(Text("ACCESS_MODE"));
        AccountSettings accounts = AccountSettings.Read(Text);

        int budgetMb = Number("MEMORY_BUDGET_MB", MemoryBudgetMbMin, MemoryBudgetMbMax, defaults.MemoryBudgetMb);
        int messageMb = Number("MAX_MESSAGE_MB", 0, MessageMbMax, 0);
        if (messageMb > MemoryLimits.MessageMbMax(budgetMb))
            throw new SettingException("MAX_MESSAGE_MB", Text("MAX_MESSAGE_MB")!, $"with MEMORY_BUDGET_MB={budgetMb} it can be {MemoryLimits.MessageMbMax(budgetMb)} at most");

        // With somebody to sign people in, the server is for others too; without, for this machine alone.
        IPAddress? address = Host(Text("HOST"), mode == AccessMode.Accounts && accounts.Provider is not null ? IPAddress.Any : defaults.Address);
        if (mode == AccessMode.Accounts) accounts.Check(address);
        return defaults with
        {
            Port = Number("PORT", 0, 65535, defaults.Port),
            Address = address,
            DataDirectory = DataFolder(Text("DATA_DIR"), defaults.DataDirectory),
            AccessMode = mode,
            Accounts = accounts,
            ShardCount = Number("SHARDS", 1, ShardCountMax, defaults.ShardCount),
            MemoryBudgetMb = budgetMb,
            MaxConnections = Number("MAX_CONNECTIONS", 1, ConnectionsMax, defaults.MaxConnections),
            MaxMessageMb = messageMb == 0 ? null : messageMb,
            MaxDocumentRows = Number("MAX_DOCUMENT_ROWS", DocumentRowsMin, DocumentRowsMax, defaults.MaxDocumentRows),
            CompactAfterChanges = Number("COMPACT_AFTER_CHANGES", CompactAfterChangesMin, CompactAfterChangesMax, defaults.CompactAfterChanges),
            Validation = ValidationOf(Text("VALIDATION")),
            Tls = TlsFiles.Read(Text("TLS_CERT"), Text("TLS_KEY")),
            LogFormat = Log(Text("LOG_FORMAT")),
            MetricsToken = TokenOf(Text("METRICS_TOKEN")),
            SendsTelemetry = IsEndpoint(Text(OtlpEndpoint)),
        };

        string? Text(string name) => variable(name)?.Trim() is { Length: > 0 } value ? value : null;

        int Number(string name, int min, int max, int otherwise)
        {
            if (Text(name) is not { } text) return otherwise;
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= min && number <= max
                ? number
                : throw new SettingException(name, text, $"it must be a whole number from {min} to {max}");
        }
    }

    // An address as people write it: four numbers with dots, or IPv6 with or without brackets. IPAddress alone would take "1" for 0.0.0.1.
    private static IPAddress? Host(string? text, IPAddress? otherwise)
    {
        if (text is null) return otherwise;
        if (text.Equals("localhost", StringComparison.OrdinalIgnoreCase)) return null;
        string bare = text.StartsWith('[') && text.EndsWith(']') ? text[1..^1] : text;
        return IPAddress.TryParse(bare, out IPAddress? address) && (bare.Contains(':', StringComparison.Ordinal) || bare.Count(c => c == '.') == 3)
            ? address
            : throw new SettingException("HOST", text, "it must be localhost or an IP address of this machine (0.0.0.0 or :: for all of them)");
    }

    private static string DataFolder(string? text, string otherwise)
    {
        try
        {
            string folder = text is null ? otherwise : Path.GetFullPath(text);
            if (File.Exists(folder)) throw new SettingException("DATA_DIR", text ?? otherwise, "it must be a folder, and this is a file");
            return folder;
        }
        catch (Exception e) when (e is ArgumentException or IOException or NotSupportedException)
        {
            throw new SettingException("DATA_DIR", text ?? otherwise, "it must be a folder");
        }
    }

    private static AccessMode Access(string? text) => text switch
    {
        null or "accounts" => AccessMode.Accounts,
        "open" => AccessMode.Open,
        _ => throw new SettingException("ACCESS_MODE", text, "it must be accounts or open"),
    };

    private static bool IsEndpoint(string? text)
    {
        if (text is null) return false;
        return Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"
            ? true
            : throw new SettingException(OtlpEndpoint, text, "it must be an http or https address");
    }

    private static byte[]? TokenOf(string? text)
    {
        if (text is null) return null;
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return bytes.Length >= MetricsTokenBytesMin ? bytes : throw new SettingException("METRICS_TOKEN", "(hidden)", $"it must have at least {MetricsTokenBytesMin} bytes");
    }

    private static ValidationMode ValidationOf(string? text) => text switch
    {
        null or "enforce" => ValidationMode.Enforce,
        "observe" => ValidationMode.Observe,
        _ => throw new SettingException("VALIDATION", text, "it must be enforce or observe"),
    };

    private static LogFormat Log(string? text) => text switch
    {
        null or "text" => LogFormat.Text,
        "json" => LogFormat.Json,
        _ => throw new SettingException("LOG_FORMAT", text, "it must be text or json"),
    };
}
