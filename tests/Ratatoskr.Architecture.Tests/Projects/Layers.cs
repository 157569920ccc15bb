namespace Ratatoskr.Architecture.Tests.Projects;

/// <summary>Which project may know which, as docs/ARCHITECTURE.md draws it: knowledge points down.</summary>
internal static class Layers
{
    public const string Automerge = "Automerge.Net";
    public const string Protocol = "Ratatoskr.Protocol";
    public const string Engine = "Ratatoskr.Engine";
    public const string Storage = "Ratatoskr.Storage";
    public const string Transport = "Ratatoskr.Transport";
    public const string Http = "Ratatoskr.Http";
    public const string Admin = "Ratatoskr.Admin";
    public const string Server = "Ratatoskr.Server";
    public const string Client = "Ratatoskr.Client";

    public static readonly IReadOnlyDictionary<string, string[]> MayKnow = new Dictionary<string, string[]>
    {
        [Automerge] = [],
        [Protocol] = [],
        [Engine] = [Automerge, Protocol],
        [Storage] = [Automerge, Protocol, Engine],
        [Transport] = [Protocol, Engine],       // not Automerge.Net: a connection does not know what a document is
        [Http] = [Automerge, Protocol, Engine],
        [Admin] = [Automerge, Protocol, Engine],
        [Client] = [Automerge, Protocol],
        [Server] = [Automerge, Protocol, Engine, Storage, Transport, Http, Admin],
    };

    /// <summary>Projects that take time, randomness and bytes as arguments, held to it by src/BannedSymbols.txt.</summary>
    public static readonly string[] Pure = [Automerge, Protocol, Engine];

    /// <summary>Assemblies outside the repository that a project must not touch, by prefix.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> MustNotUse = new Dictionary<string, string[]>
    {
        [Automerge] = ["Microsoft."],
        [Protocol] = ["Microsoft."],
        [Engine] = ["FASTER", "Microsoft.Data.Sqlite", "SQLitePCLRaw", "Microsoft.AspNetCore.Server", "Microsoft.AspNetCore.Http", "Microsoft.AspNetCore.Hosting"],
        [Storage] = ["Microsoft.AspNetCore"],
        [Transport] = ["FASTER", "Microsoft.Data.Sqlite", "SQLitePCLRaw"],
        [Http] = ["FASTER", "Microsoft.Data.Sqlite", "SQLitePCLRaw", "Microsoft.AspNetCore.Server"],
        [Admin] = ["FASTER", "Microsoft.Data.Sqlite", "SQLitePCLRaw", "Microsoft.AspNetCore.Server"],
        [Client] = ["FASTER", "Microsoft.Data.Sqlite", "SQLitePCLRaw", "Microsoft.AspNetCore"],
        [Server] = [],
    };
}
