using System.Globalization;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Sqlite;

namespace Ratatoskr.Storage.Tests.Sqlite;

/// <summary>
/// The process that is killed: this assembly started again with <see cref="Variable"/> set to a data folder. Registers, shares and deletes without end,
/// and writes one line per round to its standard output once all of the round is answered.
/// </summary>
internal static class AccountCrashChild
{
    public const string Variable = "RATATOSKR_CRASH_CHILD_ACCOUNTS";
    public const int Users = 16;
    public const int DeletedAfter = 3;

    public static string User(int user) => string.Create(CultureInfo.InvariantCulture, $"oidc:{user}");

    public static string Name(int user, int number) => string.Create(CultureInfo.InvariantCulture, $"{user}-{number}");

    /// <summary>Every tenth document is deleted three rounds later.</summary>
    public static bool IsDeleted(int number) => number % 10 == 0;

    public static async Task RunAsync(string path)
    {
        SqliteAccountStore store = await SqliteAccountStore.OpenAsync(AccountFolder.OptionsFor(path));
        await Task.WhenAll(Enumerable.Range(0, Users).Select(i => Task.Run(() => WriteAsync(store, i))));
    }

    private static async Task WriteAsync(SqliteAccountStore store, int user)
    {
        CancellationToken none = CancellationToken.None;
        await store.SignInAsync(User(user), null, null, none);
        int number = 1;
        while (await store.FindDocumentAsync(Name(user, number), none) is not null || IsDeleted(number)) number++;
        // The round before may be half done, and one that is deleted may have been passed over: once more.
        number = Math.Max(1, number - 2);
        while (true)
        {
            DocumentRecord document = new() { Id = Name(user, number), AutomergeId = AccountFolder.NewId(), OwnerId = User(user), Size = 10 };
            RegisterOutcome outcome = await store.RegisterAsync(document, long.MaxValue, none);
            if (outcome.Result is not (RegisterResult.Registered or RegisterResult.IdTaken)) throw new InvalidOperationException($"{outcome.Result}");
            DocumentRecord made = outcome.Document ?? (await store.FindDocumentAsync(document.Id, none))!;
            if (made.Version == 1) await store.SetAclAsync(made.AutomergeId, [AccountFolder.Reads("oidc:reader"), AccountFolder.Reads(Name(user, number - 1))], 1, none);
            if (IsDeleted(number - DeletedAfter) && await store.FindDocumentAsync(Name(user, number - DeletedAfter), none) is { } old) await store.DeleteAsync(old.AutomergeId, none);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{user} {number}"));
            number++;
        }
    }
}
