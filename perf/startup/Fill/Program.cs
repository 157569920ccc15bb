// Makes a data folder with so many documents of one small change each, of one owner: what measure.py --data starts on.
// usage: Fill FOLDER COUNT
using System.Globalization;
using System.Security.Cryptography;
using Automerge.Changes;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster;
using Ratatoskr.Storage.Sqlite;

const int AtOnce = 1_000;
string folder = args[0];
int count = int.Parse(args[1], CultureInfo.InvariantCulture);
FasterChunkStore chunks = await FasterChunkStore.OpenAsync(new FasterStoreOptions { Folder = folder });
await using (chunks.ConfigureAwait(false))
{
    SqliteAccountStore accounts = await SqliteAccountStore.OpenAsync(new SqliteAccountStoreOptions
    {
        Folder = folder,
        NewDocumentId = NewId,
        DefaultQuotas = new UserQuotas(count, long.MaxValue, long.MaxValue, 0, 0),
    });
    await using (accounts.ConfigureAwait(false))
    {
        await accounts.SignInAsync("dev:alice", null, "alice", default);
        for (int done = 0; done < count; done += AtOnce)
        {
            await Task.WhenAll(Enumerable.Range(done, Math.Min(AtOnce, count - done)).Select(i => AddAsync(chunks, accounts, i, count)));
        }
    }
}

// What a start reads of a document is its place, never its content: any bytes will do.
static async Task AddAsync(FasterChunkStore chunks, SqliteAccountStore accounts, int number, int count)
{
    DocumentId id = NewId();
    await accounts.RegisterAsync(new DocumentRecord { Id = $"document-{number}", AutomergeId = id, OwnerId = "dev:alice", CreatedAt = DateTimeOffset.UtcNow }, count, default);
    ChangeHash[] heads = [new ChangeHash(RandomNumberGenerator.GetBytes(ChangeHash.Size))];
    await chunks.AppendAsync(new AppendBatch(id, RandomNumberGenerator.GetBytes(200), heads), new Fence(1, 0), default);
}

static DocumentId NewId() => DocumentId.FromPayload(RandomNumberGenerator.GetBytes(DocumentId.UuidLength));
