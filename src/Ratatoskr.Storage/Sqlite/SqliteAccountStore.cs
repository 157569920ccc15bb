using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Metering;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite.Calls;
using Ratatoskr.Storage.Sqlite.Databases;
using Ratatoskr.Storage.Sqlite.Tables;

namespace Ratatoskr.Storage.Sqlite;

/// <summary>
/// Accounts and documents' names in SQLite, <c>ratatoskr.db</c> in the data folder. One thread writes, in groups; some find, and one makes lists. Callers' threads never wait for the disk.
/// </summary>
/// <remarks>Safe on any thread. The data folder's lock is the document store's.</remarks>
public sealed class SqliteAccountStore : IAccountStore, IAsyncDisposable
{
    internal const string FileName = "ratatoskr.db";

    // Rows per write, for work that would otherwise keep the writer from others.
    private const int PortionMax = 1000;

    private readonly SqliteAccountStoreOptions _options;
    private readonly WriterThread _writer;
    private readonly ReaderThreads _readers;
    private readonly ReaderThreads _lists;
    private int _disposed;

    private SqliteAccountStore(SqliteAccountStoreOptions options, string file, WriterThread writer, ReaderThreads readers, ReaderThreads lists)
    {
        (_options, File, _writer, _readers, _lists) = (options, file, writer, readers, lists);
        Blobs = new SqliteBlobIndex(options.DefaultQuotas, writer.Queue, readers.Queue, lists.Queue);
    }

    /// <summary>The database.</summary>
    public string File { get; }

    /// <summary>Who has which blobs: in the same database, for limits are users' and claims go with documents. Closed with this.</summary>
    public IBlobIndex Blobs { get; }

    /// <summary>Opens the database, makes it if there is none, brings it to this version.</summary>
    /// <exception cref="StoreFolderException">It cannot be used: SQLite is not installed, no permission, another program's, a newer version's.</exception>
    /// <exception cref="StoreDamagedException">It is damaged.</exception>
    public static Task<SqliteAccountStore> OpenAsync(SqliteAccountStoreOptions options)
    {
        options.Validate();
        return Task.Run(() => Open(options));
    }

    /// <summary>Writes and answers what waits, then closes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        await Task.Run(() =>
        {
            // The writer closes last: whoever does clears up the log.
            _readers.Dispose();
            _lists.Dispose();
            _writer.Dispose();
        }).ConfigureAwait(false);
    }

    // Users

    public ValueTask<UserRecord> SignInAsync(string userId, string? email, string? name, CancellationToken stop) =>
        Write(c => Users.SignIn(c, userId, email, name, _options), stop);

    public ValueTask<UserRecord?> FindUserAsync(string userId, CancellationToken stop) => Read(c => Users.Find(c, userId, _options.DefaultQuotas), stop);

    public ValueTask<UserUsage> UsageAsync(string userId, CancellationToken stop) => Read(c => Users.Usage(c, userId), stop);

    // Sessions and API tokens

    public ValueTask AddSessionAsync(SessionRecord session, CancellationToken stop) => Done(Write(c => UserCredentials.AddSession(c, session), stop));

    public ValueTask<SessionRecord?> FindSessionAsync(string sessionId, CancellationToken stop) => Read(c => UserCredentials.FindSession(c, sessionId), stop);

    public ValueTask<bool> EndSessionAsync(string sessionId, CancellationToken stop) =>
        Write(c => UserCredentials.EndSession(c, sessionId, _options.Time.GetUtcNow()), stop);

    public ValueTask AddTokenAsync(TokenRecord token, ReadOnlyMemory<byte> keyedHash, CancellationToken stop)
    {
        byte[] hash = keyedHash.ToArray();
        return Done(Write(c => UserCredentials.AddToken(c, token, hash), stop));
    }

    public ValueTask<TokenRecord?> FindTokenAsync(ReadOnlyMemory<byte> keyedHash, CancellationToken stop)
    {
        byte[] hash = keyedHash.ToArray();
        return Read(c => UserCredentials.FindToken(c, hash), stop);
    }

    public async ValueTask<IReadOnlyList<TokenRecord>> ListTokensAsync(string userId, CancellationToken stop) =>
        await List(c => UserCredentials.ListTokens(c, userId), stop).ConfigureAwait(false);

    public ValueTask<bool> RemoveTokenAsync(string userId, string tokenId, CancellationToken stop) => Write(c => UserCredentials.RemoveToken(c, userId, tokenId), stop);

    public void TokenUsed(string tokenId, DateTimeOffset at) => _writer.UsedTokens.Add(tokenId, at);

    public async ValueTask SweepCredentialsAsync(DateTimeOffset before, CancellationToken stop)
    {
        while (await Write(c => UserCredentials.Sweep(c, before, PortionMax), stop).ConfigureAwait(false) == PortionMax)
        {
        }
    }

    // Documents

    public ValueTask<RegisterOutcome> RegisterAsync(DocumentRecord document, long maxDocuments, CancellationToken stop)
    {
        CheckNames(document);
        CheckAcl(document.Acl);
        if (document.IsApp && document.Acl.Count > 0) throw new ArgumentException("an app document has no access list", nameof(document));
        return Write(c => Documents.Register(c, document, maxDocuments), stop);
    }

    public ValueTask<RegisterOutcome> FindOrRegisterAppAsync(DocumentRecord candidate, long maxDocuments, CancellationToken stop)
    {
        CheckNames(candidate);
        if (!candidate.IsApp || candidate.Acl.Count > 0) throw new ArgumentException("an app document has an app id and no access list", nameof(candidate));
        return Write(c => Documents.FindOrRegisterApp(c, candidate, maxDocuments), stop);
    }

    public ValueTask<DocumentRecord?> FindDocumentAsync(string name, CancellationToken stop) => Read(c => Documents.Find(c, name), stop);

    public ValueTask<DocumentRecord?> FindDocumentAsync(DocumentId id, CancellationToken stop) => Read(c => Documents.Find(c, id), stop);

    public async ValueTask<IReadOnlyList<DocumentId>> UnfreedAsync(int max, CancellationToken stop) => await List(c => Documents.Unfreed(c, max), stop).ConfigureAwait(false);

    public async ValueTask FreedAsync(DocumentId id, CancellationToken stop) => await Write(c => Documents.Freed(c, id), stop).ConfigureAwait(false);

    public ValueTask<string?> FormerOwnerAsync(DocumentId id, CancellationToken stop) => Read(c => Documents.FormerOwner(c, id), stop);

    public ValueTask<ChangeOutcome> SetAclAsync(DocumentId id, IReadOnlyList<AclEntry> acl, long? ifVersion, CancellationToken stop)
    {
        CheckAcl(acl);
        return Write(c => Documents.SetAcl(c, id, acl, ifVersion, _options.Time.GetUtcNow()), stop);
    }

    public ValueTask<ChangeOutcome> SetTypeAsync(DocumentId id, string? type, CancellationToken stop) =>
        Write(c => Documents.SetType(c, id, type, _options.Time.GetUtcNow()), stop);

    public ValueTask<ChangeOutcome> SetExpirationAsync(DocumentId id, DateTimeOffset? expiresAt, CancellationToken stop) =>
        Write(c => Documents.SetExpiration(c, id, expiresAt, _options.Time.GetUtcNow()), stop);

    public ValueTask<ChangeOutcome> DeleteAsync(DocumentId id, CancellationToken stop) => Write(c => Documents.Delete(c, id, _options.Time.GetUtcNow()), stop);

    public async ValueTask RecordSizesAsync(IReadOnlyList<StoredSize> sizes, CancellationToken stop)
    {
        StoredSize[] all = [.. sizes];
        for (int start = 0; start < all.Length; start += PortionMax)
        {
            Range portion = start..Math.Min(start + PortionMax, all.Length);
            await Write(c => Documents.RecordSizes(c, all.AsSpan(portion)), stop).ConfigureAwait(false);
        }
    }

    // Lists

    public ValueTask<ListEnds> ListAsync(string userId, ListRequest request, IDocumentRows rows, CancellationToken stop)
    {
        Check(request.Owned);
        Check(request.Accessible);
        return List(c => DocumentLists.List(c, userId, request, _options.Time.GetUtcNow(), rows), stop);
    }

    public async ValueTask<IReadOnlyList<DocumentId>> ReferrersAsync(DocumentId id, int max, CancellationToken stop) =>
        await List(c => DocumentLists.Referrers(c, id, max), stop).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<DocumentRecord>> ExpiredAsync(DateTimeOffset now, int max, CancellationToken stop) =>
        await List(c => DocumentLists.Expired(c, now, max), stop).ConfigureAwait(false);

    private static SqliteAccountStore Open(SqliteAccountStoreOptions options)
    {
        long started = options.Time.GetTimestamp();
        string file = Path.Combine(Path.GetFullPath(options.Folder), FileName);
        Connection connection = Database.Open(file);
        ReaderThreads? readers = null;
        ReaderThreads lists;
        try
        {
            readers = new ReaderThreads(file, options.ReaderThreads, options.QueueLength, options.Metrics);
            lists = new ReaderThreads(file, options.ListThreads, options.QueueLength, options.Metrics);
        }
        catch
        {
            readers?.Dispose();
            connection.Dispose();
            throw;
        }

        WriterThread writer = new(connection, options);
        options.Logger.AccountsOpened(file, SqliteLibrary.Version, (long)options.Time.GetElapsedTime(started).TotalMilliseconds);
        if (options.Metrics is { } metrics)
        {
            metrics.Meter.ShowLevels<AccountCalls>("ratatoskr.accounts.waiting", "{call}", "queue", "calls that wait for a thread with a connection", queue => queue switch
            {
                AccountCalls.Write => writer.Queue.Count,
                AccountCalls.Read => readers.Queue.Count,
                _ => lists.Queue.Count,
            });
            metrics.Meter.ShowGauge("ratatoskr.accounts.waiting.limit", "{call}", "calls that may wait in each of these queues; callers of more wait before them", () => options.QueueLength);
        }

        return new SqliteAccountStore(options, file, writer, readers, lists);
    }

    private enum AccountCalls : byte
    {
        Write,
        Read,
        List,
    }

    private ValueTask<T> Write<T>(Func<Connection, T> work, CancellationToken stop) => _writer.Queue.Add(work, stop);

    private ValueTask<T> Read<T>(Func<Connection, T> work, CancellationToken stop) => _readers.Queue.Add(work, stop);

    private ValueTask<T> List<T>(Func<Connection, T> work, CancellationToken stop) => _lists.Queue.Add(work, stop);

    private static async ValueTask Done(ValueTask<int> write) => await write.ConfigureAwait(false);

    private static void Check(PageRequest? page)
    {
        if (page is not { } asked) return;
        ArgumentOutOfRangeException.ThrowIfLessThan(asked.Limit, 1, nameof(page));
        if (asked.After is not null) PageCursor.Parse(asked.After);
    }

    private static void CheckNames(DocumentRecord document)
    {
        if (document.AutomergeId.IsDefault || string.IsNullOrEmpty(document.Id) || document.AppId is "") throw new ArgumentException("a document without a name", nameof(document));
    }

    private static void CheckAcl(IReadOnlyList<AclEntry> acl)
    {
        HashSet<string> principals = new(acl.Count, StringComparer.Ordinal);
        foreach (AclEntry entry in acl)
        {
            if (string.IsNullOrEmpty(entry.Principal) || !principals.Add(entry.Principal)) throw new ArgumentException("a principal is empty or named twice", nameof(acl));
            if (entry.Permission is Permission.None or > (Permission.Read | Permission.Write)) throw new ArgumentException("an entry grants nothing known", nameof(acl));
        }
    }
}
