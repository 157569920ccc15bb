using System.Globalization;
using System.IO.Pipelines;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Tests.PowerCuts;
using static Ratatoskr.Storage.Tests.Blobs.BlobFolder;

namespace Ratatoskr.Storage.Tests.Blobs;

/// <summary>
/// Stage and store against the obvious thing, an array of chunks per upload and a dictionary of blobs, over random operations, failures of the disk, restarts and power cuts.
/// BLOB_ROUNDS=10000 and BLOB_SEED for a long run by hand.
/// </summary>
public sealed class StageModelTests
{
    [Fact]
    public async Task Stage_and_store_do_what_the_obvious_does()
    {
        int rounds = Number("BLOB_ROUNDS", 60), first = Number("BLOB_SEED", Random.Shared.Next(1_000_000));
        int cuts = 0, failures = 0, sealedCount = 0;
        for (int seed = first; seed < first + rounds; seed++)
        {
            StageModel model = new(seed);
            try
            {
                await model.RunAsync(120);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"BLOB_SEED={seed}: after {string.Join(", ", model.Done.TakeLast(25))}", e);
            }

            (cuts, failures, sealedCount) = (cuts + model.Cuts, failures + model.Failures, sealedCount + model.Sealed);
        }

        TestContext.Current.TestOutputHelper!.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{rounds} rounds from seed {first}: {cuts} power cuts, {failures} failed calls, {sealedCount} uploads sealed and put"));
        Assert.True(cuts > 0 && failures > 0 && sealedCount > 0, "hardly anything happened: nothing was tested");
    }

    private static int Number(string variable, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int given) ? given : otherwise;
}

/// <summary>One disk, and what ought to be on it.</summary>
internal sealed class StageModel(int seed)
{
    private readonly Random _random = new(seed);
    private readonly List<Upload> _uploads = [];
    private readonly Dictionary<BlobHash, byte[]> _stored = [];
    private PowerCutFiles _files = new(seed);
    private BlobFolder _folder = null!;

    public List<string> Done { get; } = [];

    public int Cuts { get; private set; }

    public int Failures { get; private set; }

    public int Sealed { get; private set; }

    public async Task RunAsync(int steps)
    {
        _files.HasLinks = seed % 4 != 0;
        _files.MakeDirectory("/data");
        _files.SyncDirectory("/");
        _folder = Open();
        for (int step = 0; step < steps; step++)
        {
            if (_uploads.Count < 3) _uploads.Add(new Upload(_random));
            Upload upload = _uploads[_random.Next(_uploads.Count)];
            await (_random.Next(22) switch
            {
                < 7 => WriteAsync(upload),
                < 9 => WriteWronglyAsync(upload),
                < 12 => WriteRestAsync(upload),
                < 15 => SealAsync(upload),
                15 => TakeAsync(),
                16 => DiscardAsync(upload),
                17 => LookAsync(upload),
                18 => RestartAsync(),
                19 => CutAsync(),
                _ => SealBesideWriteAsync(upload),
            });
        }

        foreach (Upload upload in _uploads.ToList())
        {
            await WriteRestAsync(upload);
            await SealAsync(upload);
        }

        await RestartAsync();
        _folder.Dispose();
    }

    private async Task WriteAsync(Upload upload)
    {
        int index = _random.Next(upload.Shape.ChunkCount);
        byte[] content = upload.Choose(index);
        Done.Add($"write {index}");
        bool failed = await TryAsync(async () =>
        {
            ChunkOutcome outcome = await _folder.Stage.WriteChunkAsync(upload.Shape, index, Body(content), CancellationToken.None);
            Assert.Equal(ChunkResult.Stored, outcome.Result);
            upload.Chunks[index] = content;
            upload.Unsure.Remove(index);
            if (upload.Unsure.Count == 0 && !upload.MayBeLost) Assert.Equal(upload.Chunks.Count(chunk => chunk is not null), outcome.Received);
        }, upload, mayLose: true);
        if (failed) await AgreeAsync(upload, index);
    }

    private async Task WriteWronglyAsync(Upload upload)
    {
        int index = _random.Next(upload.Shape.ChunkCount);
        byte[] content = upload.Choose(index);
        bool breaksOff = _random.Next(2) == 0;
        byte[] sent = breaksOff || _random.Next(2) == 0 ? content[.._random.Next(content.Length)] : [.. content, 1];
        Done.Add($"write {index} wrongly");
        bool failed = await TryAsync(async () =>
        {
            if (!breaksOff)
            {
                Assert.Equal(ChunkResult.WrongSize, (await _folder.Stage.WriteChunkAsync(upload.Shape, index, Body(sent), CancellationToken.None)).Result);
                return;
            }

            Pipe pipe = new(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
            Task writing = _folder.Stage.WriteChunkAsync(upload.Shape, index, pipe.Reader, CancellationToken.None).AsTask();
            await Task.WhenAny(writing, pipe.Writer.WriteAsync(sent).AsTask());
            await pipe.Writer.CompleteAsync(new InvalidDataException("gone"));
            try
            {
                await writing;
                Assert.Fail("a body that broke off was a chunk");
            }
            catch (InvalidDataException)
            {
            }
        }, upload);
        await AgreeAsync(upload, index, failed);
    }

    private async Task WriteRestAsync(Upload upload)
    {
        Done.Add("write the rest");
        (int Index, byte[] Content)[] rest = [.. Enumerable.Range(0, upload.Shape.ChunkCount).Where(index => upload.Chunks[index] is null).Select(index => (index, upload.Choose(index)))];
        await Task.WhenAll(rest.Select(async one =>
        {
            ChunkOutcome outcome = await _folder.Stage.WriteChunkAsync(upload.Shape, one.Index, Body(one.Content), CancellationToken.None);
            Assert.Equal(ChunkResult.Stored, outcome.Result);
        }));
        foreach ((int index, byte[] content) in rest)             // not in there: those run at once
        {
            upload.Chunks[index] = content;
            upload.Unsure.Remove(index);
        }
    }

    private async Task SealAsync(Upload upload)
    {
        Done.Add("seal");
        await LookAsync(upload);
        byte[]? whole = upload.Whole;
        string? sealedAt = null;
        bool failed = await TryAsync(async () =>
        {
            StagedBlob? blob = await _folder.Stage.SealAsync(upload.Shape, CancellationToken.None);
            Assert.Equal(whole is null ? null : HashOf(whole), blob?.Hash);
            if (blob is null) return;
            sealedAt = blob.Path;
            upload.MayBeLost = false;
            await _folder.Store.PutAsync(blob, CancellationToken.None);
            _stored[blob.Hash] = whole!;
            Sealed++;
        });
        if (sealedAt is not null) Assert.Equal(whole, _files.Read(sealedAt));
        if (failed) await AgreeAsync(upload);
        else if (whole is not null && _random.Next(2) == 0) await DiscardAsync(upload);
    }

    /// <summary>A chunk comes again, the same or another, while its upload is sealed: what is sealed is what was there before or after, and the chunk is there or its sender hears otherwise.</summary>
    private async Task SealBesideWriteAsync(Upload upload)
    {
        await LookAsync(upload);
        if (upload.Whole is not { } before) await WriteRestAsync(upload);
        await LookAsync(upload);
        if ((before = upload.Whole) is null) return;
        Done.Add("seal beside a write");
        int index = _random.Next(upload.Shape.ChunkCount);
        byte[] content = _random.Next(2) == 0 ? upload.Chunks[index]! : upload.Choose(index);
        byte[] after = [.. before];
        content.CopyTo(after, index * upload.Shape.ChunkSize);
        StagedBlob? blob = null;
        bool failed = await TryAsync(async () =>
        {
            Pipe pipe = new(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
            Task<ChunkOutcome> writing = _folder.Stage.WriteChunkAsync(upload.Shape, index, pipe.Reader, CancellationToken.None).AsTask();
            int half = _random.Next(content.Length + 1);
            await Task.WhenAny(writing, pipe.Writer.WriteAsync(content.AsMemory(0, half)).AsTask());
            Task<StagedBlob?> sealing = _folder.Stage.SealAsync(upload.Shape, CancellationToken.None).AsTask();
            if (_random.Next(2) == 0) await Task.WhenAny(sealing);
            _ = pipe.Writer.WriteAsync(content.AsMemory(half)).AsTask();
            await pipe.Writer.CompleteAsync();
            try
            {
                blob = await sealing;
            }
            finally
            {
                Assert.Equal(ChunkResult.Stored, (await writing).Result);
            }

            upload.Chunks[index] = content;
        }, upload);
        if (blob is not null)
        {
            Assert.Contains(blob.Hash, new[] { HashOf(before), HashOf(after) });
            if (_files.FileExists(blob.Path)) Assert.Equal(blob.Hash, HashOf(_files.Read(blob.Path)));
        }

        if (failed)
        {
            upload.Unsure.Add(index);
            await AgreeAsync(upload);
        }

        await LookAsync(upload);
    }

    private async Task TakeAsync()
    {
        Done.Add("take");
        byte[] content = Content(_random.Next(1, 3 * PieceBytes), _random.Next());
        StagedBlob? blob = null;
        await TryAsync(async () =>
        {
            blob = (await _folder.Stage.TakeAsync(_random.Next(2) == 0 ? content.Length : null, 3 * PieceBytes, Body(content), CancellationToken.None)).Blob;
            Assert.Equal(HashOf(content), blob!.Hash);
            await _folder.Store.PutAsync(blob, CancellationToken.None);
            _stored[blob.Hash] = content;
        });
        if (blob is not null && _random.Next(4) > 0) await _folder.Stage.DiscardAsync(blob.Id, CancellationToken.None);
    }

    private async Task DiscardAsync(Upload upload)
    {
        Done.Add("discard");
        if (await TryAsync(async () => await _folder.Stage.DiscardAsync(upload.Shape.Id, CancellationToken.None)))
        {
            await _folder.Stage.DiscardAsync(upload.Shape.Id, CancellationToken.None);
        }

        _uploads.Remove(upload);
        Assert.DoesNotContain(_files.FilesIn(_folder.StageFolder), file => file.Contains(upload.Shape.Id.ToString("N"), StringComparison.Ordinal));
        Assert.Equal(ChunkResult.Gone, (await _folder.Stage.WriteChunkAsync(upload.Shape, 0, Body(upload.Choose(0)), CancellationToken.None)).Result);
    }

    private async Task LookAsync(Upload upload)
    {
        ChunksReceived received = await AgreeAsync(upload, only: -1);

        // What the disk has lost is believed as long as it is in memory, and others may drive it out between two looks.
        if (!upload.MayBeLost) received = await _folder.Stage.ReceivedAsync(upload.Shape, CancellationToken.None);
        Assert.Equal(upload.Chunks.Count(chunk => chunk is not null), received.Count);
    }

    private async Task RestartAsync()
    {
        Done.Add("restart");
        await _folder.RestartAsync([.. _uploads.Select(one => one.Shape.Id)]);
        await LoadAsync();
        foreach (Upload upload in _uploads) await LookAsync(upload);
        await CheckStoredAsync();
    }

    private async Task CutAsync()
    {
        Done.Add("power cut");
        Cuts++;
        PowerCutFiles image = _files.Cut();
        _folder.Dispose();
        image.HasLinks = _files.HasLinks;
        _files = image;
        _folder = Open();
        IReadOnlyList<StagedBlob> found = await _folder.RestartAsync([.. _uploads.Select(one => one.Shape.Id)]);
        // Sealed means whole, whatever the power cut took.
        foreach (StagedBlob blob in found) Assert.Equal((blob.Hash, (int)blob.Length), (HashOf(_files.Read(blob.Path)), _files.Read(blob.Path).Length));
        foreach (StagedBlob blob in found.Where(blob => _uploads.TrueForAll(one => one.Shape.Id != blob.Id))) await _folder.Stage.DiscardAsync(blob.Id, CancellationToken.None);
        await LoadAsync();
        foreach (Upload upload in _uploads) await AgreeAsync(upload, mayBeOlder: true);
        await CheckStoredAsync();
    }

    /// <summary>The first look at uploads after a start may fail half-way, and the next one must not notice.</summary>
    private async Task LoadAsync()
    {
        foreach (Upload upload in _uploads) await TryAsync(async () => await _folder.Stage.ReceivedAsync(upload.Shape, CancellationToken.None));
    }

    /// <summary>Everything that was put, as it was put.</summary>
    private async Task CheckStoredAsync()
    {
        foreach ((BlobHash hash, byte[] content) in _stored)
        {
            await using IBlobContent? read = await _folder.Store.OpenAsync(hash, CancellationToken.None);
            Assert.NotNull(read);
            Assert.Equal(content, await ReadAsync(read, 0, read.Length));
        }
    }

    /// <summary>
    /// The model follows what is there, as far as that may be: all is as it should be, but what a failed call was about, which is what it was or not there. From a failed call on until the chunk is
    /// written again a restart may find otherwise, as the disk may have done what it said it could not: then it is what was sent some time, whole. So after a power cut.
    /// </summary>
    /// <param name="only">The chunk a failed call was about; -1: none; null: any.</param>
    private async Task<ChunksReceived> AgreeAsync(Upload upload, int? only = null, bool failed = true, bool mayBeOlder = false)
    {
        ChunksReceived received = await _folder.Stage.ReceivedAsync(upload.Shape, CancellationToken.None);
        byte[] bytes = BytesOf(upload);
        for (int index = 0; index < received.Chunks.Count; index++)
        {
            if (upload.MayBeLost && !received.Chunks[index])
            {
                upload.Chunks[index] = null;
                upload.Unsure.Add(index);
                continue;
            }

            byte[]? content = received.Chunks[index] ? bytes.AsSpan(index * upload.Shape.ChunkSize, upload.Shape.LengthOf(index)).ToArray() : null;
            if (mayBeOlder || upload.Unsure.Contains(index))
            {
                if (content is not null) Assert.Contains(content, upload.Sent[index]);
            }
            else if (only is null || only == index)
            {
                if (content is not null) Assert.Equal(upload.Chunks[index], content);
            }
            else
            {
                Assert.Equal(upload.Chunks[index], content);
            }

            upload.Chunks[index] = content;
            if (mayBeOlder) upload.Unsure.Remove(index);
            else if (failed && (only is null || only == index)) upload.Unsure.Add(index);
        }

        return received;
    }

    private byte[] BytesOf(Upload upload)
    {
        if (!_files.DirectoryExists(_folder.StageFolder)) return [];
        IEnumerable<string> own = _files.FilesIn(_folder.StageFolder).Where(file => file.Contains(upload.Shape.Id.ToString("N"), StringComparison.Ordinal));
        string? file = own.OrderByDescending(name => name.EndsWith(".sealed", StringComparison.Ordinal)).FirstOrDefault(name => !name.EndsWith(".map", StringComparison.Ordinal));
        return file is null ? [] : _files.Read(file);
    }

    /// <param name="upload">The upload that a chunk is written of: the first to come after the disk has lost some of it may hear so.</param>
    /// <param name="mayLose">Whether the disk may lose all of it that is not synced.</param>
    /// <returns>Whether it failed, as the disk was told to.</returns>
    private async Task<bool> TryAsync(Func<Task> call, Upload? upload = null, bool mayLose = false)
    {
        long failures = _files.Failures, losses = _files.Losses;
        if (mayLose && _random.Next(12) == 0) _files.LosesIn = ".part";
        else if (_random.Next(6) == 0) _files.FailureRate = _random.NextDouble() / 4;
        try
        {
            await call();
            return false;
        }
        catch (StoreUnavailableException) when (_files.Failures > failures || upload is { MayBeLost: true })
        {
            Done.Add("failed");
            Failures++;
            return true;
        }
        finally
        {
            (_files.FailureRate, _files.LosesIn) = (0, null);
            if (upload is not null) upload.MayBeLost |= _files.Losses > losses;
        }
    }

    private BlobFolder Open() => new(_files, options => options with { UploadsInMemoryMax = 1 + (seed % 3) });

    /// <summary>What ought to be there of an upload; null: not.</summary>
    private sealed class Upload
    {
        private readonly Random _random;

        public Upload(Random random)
        {
            _random = random;
            Shape = new UploadShape(Guid.NewGuid(), random.Next(1, 9_000), random.Next(700, 2_500));
            Chunks = new byte[]?[Shape.ChunkCount];
            Sent = [.. Enumerable.Range(0, Shape.ChunkCount).Select(_ => new List<byte[]>())];
        }

        public UploadShape Shape { get; }

        public byte[]?[] Chunks { get; }

        /// <summary>Chunks that a failed call was about.</summary>
        public HashSet<int> Unsure { get; } = [];

        /// <summary>The disk could not write some of it: all that came before may have to come again.</summary>
        public bool MayBeLost { get; set; }

        /// <summary>All that was sent for a chunk, whole or not.</summary>
        public List<byte[]>[] Sent { get; }

        public byte[]? Whole => Chunks.Any(chunk => chunk is null) ? null : [.. Chunks.SelectMany(chunk => chunk!)];

        /// <summary>Something new for a chunk, or the same as once before, or that with one byte changed.</summary>
        public byte[] Choose(int index)
        {
            List<byte[]> sent = Sent[index];
            if (sent.Count > 0 && _random.Next(3) == 0) return sent[_random.Next(sent.Count)];
            byte[] content = sent.Count > 0 && _random.Next(2) == 0 ? [.. sent[_random.Next(sent.Count)]] : Content(Shape.LengthOf(index), _random.Next());
            content[_random.Next(content.Length)] ^= 1;
            sent.Add(content);
            return content;
        }
    }
}
