using System.Globalization;
using Microsoft.Data.Sqlite;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Sqlite;
using SharedTests.Blobs;
using static Ratatoskr.Storage.Tests.Sqlite.BlobFolder;

namespace Ratatoskr.Storage.Tests.Sqlite;

/// <summary>Whatever users do in whatever order, the index answers and counts as one that counts everything anew.</summary>
public sealed class BlobModelTests
{
    private const int Blobs = 6;
    private const int DocumentsMax = 4;
    private static readonly string[] s_users = ["oidc:alice", "oidc:bob", "oidc:carol"];
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Any_history_leaves_what_a_naive_index_has(int seed)
    {
        using AccountFolder folder = new();
        await using World world = await World.OpenAsync(folder, seed);
        for (int step = 0; step < 250; step++)
        {
            string what = await world.StepAsync();
            await world.CompareAsync($"seed {seed}, step {step}: {what}");
        }

        Assert.Equal(Enum.GetValues<RoomResult>(), world.Seen.Order());
    }

    private sealed class World(AccountFolder folder, SqliteAccountStore store, SqliteConnection raw, int seed) : IAsyncDisposable
    {
        private readonly NaiveBlobIndex _model = new();
        private readonly Random _random = new(seed);
        private readonly List<DocumentId> _documents = [];
        private readonly List<DocumentId> _deleted = [];
        private readonly List<Guid> _uploads = [];

        public HashSet<RoomResult> Seen { get; } = [];

        public static async Task<World> OpenAsync(AccountFolder folder, int seed)
        {
            SqliteAccountStore store = await AccountFolder.OpenAsync(folder, s_users);
            World world = new(folder, store, folder.Raw(), seed);
            foreach (string user in s_users)
            {
                folder.SetLimits(user, 1000, 400);
                world._model.AddUser(user, 1000, 400);
            }

            return world;
        }

        public async Task<string> StepAsync()
        {
            folder.Time.Advance(TimeSpan.FromMinutes(_random.Next(3) * 20));
            DateTimeOffset now = folder.Time.GetUtcNow();
            string user = _random.Next(30) == 0 ? "oidc:nobody" : s_users[_random.Next(s_users.Length)];
            int number = _random.Next(Blobs);
            BlobHash hash = Hash(number);
            string type = $"type/{_random.Next(3)}";
            DocumentId document = Any(_documents, _deleted, AccountFolder.NewId());
            Guid upload = _uploads.Count > 0 && _random.Next(10) > 0 ? _uploads[_random.Next(_uploads.Count)] : Guid.NewGuid();
            switch (_random.Next(19))
            {
                case 0:
                case 1:
                case 2:
                    return await BeginAsync(user, SizeOf(number));
                case 3:
                case 4:
                    return await CompleteAsync(upload, now);
                case 5:
                    await SameAsync(i => i.EndUploadAsync(upload, None));
                    return "an upload ends";
                case 6:
                    return await ExpireAsync(now);
                case 7:
                case 8:
                    await RoomAsync(i => i.LookForRoomAsync(user, hash, SizeOf(number), None));
                    await RoomAsync(i => i.AddAsync(user, hash, SizeOf(number), type, now, None));
                    return $"{user} adds {number}";
                case 9:
                    await RoomAsync(i => i.ClaimAsync(user, hash, type, now, None));
                    return $"{user} claims {number}";
                case 10:
                case 14:
                    await RoomAsync(i => i.ClaimAsync(document, hash, type, now, None));
                    return $"{document} claims {number}";
                case 11:
                case 15:
                    await SameAsync(i => i.ReleaseAsync(user, hash, now, None));
                    return $"{user} releases {number}";
                case 12:
                    await SameAsync(i => i.ReleaseAsync(document, hash, now, None));
                    return $"{document} releases {number}";
                case 13:
                    await SameAsync(i => i.ForgetAsync(hash, now.AddMinutes(-30), None));
                    return $"{number} is to be forgotten";
                default:
                    return await ChangeDocumentsAsync(user);
            }
        }

        public async Task CompareAsync(string after)
        {
            DateTimeOffset now = folder.Time.GetUtcNow();
            int limit = _random.Next(1, 4), offset = _random.Next(3);
            BlobHash? last = _random.Next(2) == 0 ? null : Hash(_random.Next(Blobs));
            foreach (string user in s_users)
            {
                Assert.True(_model.Used(user) == (await store.UsageAsync(user, None)).BlobBytes, after);
                await SamePageAsync(i => i.ListAsync(user, limit, offset, None), after);
                for (int blob = 0; blob < Blobs; blob++) await SameAsync(i => i.FindClaimAsync(user, Hash(blob), None), after);
            }

            foreach (DocumentId document in _documents.Concat(_deleted)) await SamePageAsync(i => i.ListAsync(document, limit, offset, None), after);
            foreach (Guid upload in _uploads) await SameAsync(i => i.FindUploadAsync(upload, None), after);
            for (int blob = 0; blob < Blobs; blob++) await SameListAsync(i => i.HoldersAsync(Hash(blob), offset, limit, None), after);
            await SameListAsync(i => i.PageAsync(last, limit, None), after);
            await SameSetAsync(i => i.UnclaimedAsync(now.AddMinutes(-20), 100, None), after);
            await SameSetAsync(i => i.OpenUploadsAsync(None), after);
            await SameSetAsync(i => i.ExpiredUploadsAsync(now, 100, None), after);
            Assert.Equal(Text(_model.Released()), Text(Released(raw)));
            Assert.True(Miscounted(raw) == 0, after);
        }

        public async ValueTask DisposeAsync()
        {
            await raw.DisposeAsync();
            await store.DisposeAsync();
        }

        private static long SizeOf(int blob) => blob == 0 ? 500 : 60 + blob * 30;

        private static string Text(IReadOnlyDictionary<BlobHash, DateTimeOffset> released) =>
            string.Join('\n', released.Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.Key} {r.Value:O}")).Order(StringComparer.Ordinal));

        private async Task<string> BeginAsync(string user, long size)
        {
            BlobUpload upload = folder.Upload(user, size) with { ExpiresAt = folder.Time.GetUtcNow().AddHours(3), ExpectedHash = _random.Next(2) == 0 ? Hash("expected") : null };
            int uploadsMax = _random.Next(1, 3);
            if (await RoomAsync(i => i.BeginUploadAsync(upload, uploadsMax, None)) == RoomResult.Done) _uploads.Add(upload.Id);
            return $"{user} begins an upload of {size}";
        }

        private async Task<string> CompleteAsync(Guid id, DateTimeOffset now)
        {
            // Bytes of that length have one hash here.
            long size = (await _model.FindUploadAsync(id, None))?.Size ?? SizeOf(1);
            BlobHash hash = Hash(Enumerable.Range(0, Blobs).First(b => SizeOf(b) == size));
            await SameAsync(i => i.CompleteUploadAsync(id, hash, now, None));
            return $"{id} is completed";
        }

        private async Task<string> ExpireAsync(DateTimeOffset now)
        {
            foreach (Guid id in await _model.ExpiredUploadsAsync(now, 100, None)) await SameAsync(i => i.EndUploadAsync(id, None));
            return "uploads expire";
        }

        private async Task<string> ChangeDocumentsAsync(string user)
        {
            if (_documents.Count == 0 || (_documents.Count < DocumentsMax && _random.Next(2) == 0))
            {
                if (!s_users.Contains(user)) return "nobody registers nothing";
                DocumentId id = await folder.RegisterAsync(store, user);
                using SqliteCommand row = raw.CreateCommand();
                row.CommandText = "SELECT max(row) FROM documents";
                _model.AddDocument(id, user, (long)row.ExecuteScalar()!);
                _documents.Add(id);
                return $"{user} registers {id}";
            }

            DocumentId gone = _documents[_random.Next(_documents.Count)];
            _documents.Remove(gone);
            _deleted.Add(gone);
            _model.RemoveDocument(gone, folder.Time.GetUtcNow());
            await store.DeleteAsync(gone, None);
            return $"{gone} is deleted";
        }

        private DocumentId Any(List<DocumentId> likely, List<DocumentId> unlikely, DocumentId otherwise)
        {
            List<DocumentId> from = _random.Next(10) == 0 ? unlikely : likely;
            return from.Count == 0 ? otherwise : from[_random.Next(from.Count)];
        }

        private async Task<RoomResult> RoomAsync(Func<IBlobIndex, ValueTask<RoomOutcome>> call)
        {
            RoomOutcome outcome = await SameAsync(call);
            Seen.Add(outcome.Result);
            return outcome.Result;
        }

        private async Task<T> SameAsync<T>(Func<IBlobIndex, ValueTask<T>> call, string after = "")
        {
            T expected = await call(_model), actual = await call(store.Blobs);
            Assert.True(EqualityComparer<T>.Default.Equals(expected, actual), $"{after}: {expected} expected, {actual} there");
            return actual;
        }

        private async Task SamePageAsync(Func<IBlobIndex, ValueTask<BlobPage>> call, string after)
        {
            (BlobPage expected, BlobPage actual) = await BothAsync(call);
            Assert.True(expected.Claims.SequenceEqual(actual.Claims), after);
            Assert.True((expected.Total, expected.TotalSize, expected.QuotaUsed) == (actual.Total, actual.TotalSize, actual.QuotaUsed), after);
        }

        private async Task SameListAsync<T>(Func<IBlobIndex, ValueTask<IReadOnlyList<T>>> call, string after)
        {
            (IReadOnlyList<T> expected, IReadOnlyList<T> actual) = await BothAsync(call);
            Assert.True(expected.SequenceEqual(actual), after);
        }

        private async Task SameSetAsync<T>(Func<IBlobIndex, ValueTask<IReadOnlyList<T>>> call, string after)
        {
            (IReadOnlyList<T> expected, IReadOnlyList<T> actual) = await BothAsync(call);
            Assert.True(expected.Count == actual.Count && expected.ToHashSet().SetEquals(actual), after);
        }

        private async Task<(T Expected, T Actual)> BothAsync<T>(Func<IBlobIndex, ValueTask<T>> call) => (await call(_model), await call(store.Blobs));
    }
}
