using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using SharedTests.Accounts;
using SharedTests.Clocks;

namespace Ratatoskr.Simulation.Tests.Servers;

/// <summary>The plain truth about who may do what, computed from the accounts without the server's help; and what steps do to the accounts, which outlive processes.</summary>
internal sealed class AccountTruth(FakeAccounts accounts, ManualTime time)
{
    private const int AnswerFailsOneIn = 12;
    private const int WriteIsLostOneIn = 4;

    private readonly Dictionary<string, long> _limits = new(StringComparer.Ordinal);

    /// <summary>Credentials that were revoked.</summary>
    public HashSet<string> Revoked { get; } = [];

    public DateTimeOffset Now => time.GetUtcNow();

    public DocumentRecord? this[DocumentId id] => accounts.Find(id);

    /// <summary>What a user may do with a document; its expiration does not count here.</summary>
    public Permission May(string user, DocumentId id)
    {
        if (accounts.Find(id) is not { } record) return Permission.None;
        if (user.Length > 0 && record.OwnerId == user) return Permission.Read | Permission.Write;
        Permission may = Permission.None;
        foreach (AclEntry entry in record.Acl)
        {
            bool applies = entry.Principal == AccessResolver.Public || (user.Length > 0 && entry.Principal == user) || HasAnyAccess(user, entry.Principal, 1);
            if (applies) may |= (entry.Permission & Permission.Write) != 0 ? Permission.Read | Permission.Write : entry.Permission;
        }

        return may;
    }

    public bool IsExpired(DocumentId id) => accounts.Find(id)?.ExpiresAt is { } end && end.ToUnixTimeMilliseconds() <= time.NowMs;

    public void AddUser(string user, long storageBytes)
    {
        accounts.AddUser(user, new UserQuotas(1_000, storageBytes, storageBytes, 0, 0));
        _limits[user] = Math.Max(storageBytes, _limits.GetValueOrDefault(user));
    }

    public bool IsLimited(string user) => accounts.QuotasOf(user).MaxTotalStorage < Scene.Plenty;

    /// <summary>The most that a user was ever allowed.</summary>
    public long StorageLimit(string user) => _limits[user];

    /// <summary>Answers one call, or fails it; a write that fails may have been done.</summary>
    public bool Answer(uint choice)
    {
        if (accounts.Waiting == 0) return false;
        int index = (int)(choice % (uint)accounts.Waiting);
        uint luck = choice >> 8;
        bool isLost = accounts.IsWrite(index) && luck % WriteIsLostOneIn == 1;
        accounts.Answer(index, luck % AnswerFailsOneIn == 0 ? AccountsAnswer.Fails : isLost ? AccountsAnswer.IsLost : AccountsAnswer.Comes);
        return true;
    }

    /// <summary>Answers the call that has waited longest.</summary>
    public bool AnswerNext()
    {
        if (accounts.Waiting == 0) return false;
        accounts.Answer();
        return true;
    }

    private bool HasAnyAccess(string user, string name, int depth)
    {
        if (depth > FakeAccounts.DepthMax || accounts.Find(name) is not { } record) return false;
        if (user.Length > 0 && record.OwnerId == user) return true;
        foreach (AclEntry entry in record.Acl)
        {
            if (entry.Principal == AccessResolver.Public || (user.Length > 0 && entry.Principal == user) || HasAnyAccess(user, entry.Principal, depth + 1)) return true;
        }

        return false;
    }
}
