using Ratatoskr.Engine.Blobs;

namespace Ratatoskr.Server.Configuration;

/// <summary>The settings of blobs: who may read them, and where their bytes are.</summary>
internal sealed record BlobSettings
{
    public BlobRule Rule { get; init; }

    /// <exception cref="SettingException">The first one that cannot be used. Secrets are never shown.</exception>
    public static BlobSettings Read(Func<string, string?> text) => new()
    {
        Rule = text("BLOB_ACCESS") switch
        {
            null or "accounts" => BlobRule.Accounts,
            "capability" => BlobRule.Capability,
            { } other => throw new SettingException("BLOB_ACCESS", other, "it must be accounts or capability"),
        },
    };
}
