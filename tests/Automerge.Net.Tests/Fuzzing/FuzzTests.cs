using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using Automerge.Changes;
using Automerge.Columns;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Sync;
using Automerge.Tests.Patches;
using Automerge.Tests.Vectors;
using SharedTests.Fuzzing;

namespace Automerge.Tests.Fuzzing;

/// <summary>
/// Hostile input of every kind, by seed: refused with a typed error that says why, in bounded time and memory, the document unharmed; or taken in, and then everything
/// works. AUTOMERGE_FUZZ_SECONDS=300 makes each run five minutes long (see <see cref="FuzzRun"/>).
/// </summary>
public class FuzzTests
{
    // What reading one change may take beside four times its size: the encoder's scratch, verdicts and what a first call puts up.
    private const long ChangeBytes = 1 << 18;

    [Fact]
    public void Verify_change() => FuzzRun.Run(6000, one =>
    {
        FuzzDocument document = one.Pick(FuzzCorpus.Documents);
        byte[] bytes = one.Input = ChangeMutator.Mutate(one.Random, document, one.Random.Next(document.Changes.Count));
        string? refused = one.Call(bytes.Length, ChangeBytes, () =>
        {
            if (!ChunkReader.TryRead(bytes, out Chunk chunk, out ChunkError error)) return error.Describe();
            if (chunk.Length != bytes.Length || chunk.Type == ChunkType.CompressedChange) return Inflate(chunk);
            ChangeVerdict verdict = ChangeVerifier.Verify(bytes, ChangeLimits.Default, out _);
            return verdict.IsOk ? null : verdict.ToString();
        });
        if (refused is not null) return refused;

        // In the one form that it can have: made again from its content, it is the same.
        Assert.Equal(bytes, Change.Decode(bytes).Encode(out _));
        return null;
    });

    [Fact]
    public void Load_document() => FuzzRun.Run(2500, one =>
    {
        FuzzDocument document = one.Pick(FuzzCorpus.Documents);
        byte[] honest = document.Save(one.Random.Next(document.Changes.Count + 1));
        byte[] bytes = one.Input = DocumentMutator.Mutate(one.Random, honest, FuzzOracles.Limits);
        if (one.OneIn(4)) bytes = one.Input = [.. bytes, .. ChangeMutator.Mutate(one.Random, document, one.Random.Next(document.Changes.Count))];
        return TryLoad(one, bytes);
    });

    [Fact]
    public void Load_third_party_file_damaged()
    {
        VectorFiles.RequireThirdParty();
        byte[][] files = [.. VectorFiles.ManifestPaths.Select(path => VectorFiles.ReadThirdParty(path.Data)).Where(bytes => bytes.Length is > 0 and < 16_000)];
        Assert.NotEmpty(files);
        FuzzRun.Run(1000, one =>
        {
            byte[] bytes = ByteMutator.Mutate(one.Random, one.Pick(files));
            return TryLoad(one, one.Input = one.OneIn(4) ? bytes : FuzzColumn.Sealed(bytes));
        });
    }

    [Fact]
    public void Load_document_into_another() => FuzzRun.Run(1000, one =>
    {
        FuzzDocument document = one.Pick(FuzzCorpus.Documents);
        int known = one.Random.Next(document.Changes.Count);
        Document target = Document.Load(document.Save(known), FuzzOracles.Self, FuzzOracles.Options);
        FuzzOracles.Face before = FuzzOracles.Face.Of(target);
        byte[] bytes = one.Input = DocumentMutator.Mutate(one.Random, document.Save(document.Changes.Count), FuzzOracles.Limits);
        AppliedChanges applied = one.Call(bytes.Length, FuzzOracles.DeclaredBytes, () => target.LoadIncremental(bytes));
        if (applied.Added == 0 && applied.Waiting == 0) before.AssertSame(FuzzOracles.Face.Of(target), "nothing was added");
        else FuzzOracles.CheckSound(target);
        return applied.Refused;
    });

    [Fact]
    public void Apply_change_to_a_live_document() => FuzzRun.Run(2500, one =>
    {
        FuzzDocument document = one.Pick(FuzzCorpus.Documents);
        int known = one.Random.Next(document.Changes.Count);
        Document target = Document.Load(document.Save(known), FuzzOracles.Self, FuzzOracles.Options);
        FuzzOracles.Face before = FuzzOracles.Face.Of(target);
        PlainDocument plain = PlainDocument.Of(target.View, TextUnit.Utf16);
        ChangeHash[] heads = [.. target.Heads];
        target.CollectPatches();

        string? refused = null;
        bool tookMore = false;
        for (int count = one.OneIn(4) ? 3 : 1; count > 0; count--)
        {
            byte[] bytes = one.Input = ChangeMutator.Mutate(one.Random, document, known);
            refused = TryApply(one, target, bytes);
            tookMore |= target.QueuedCount > 0 || (refused is not null && FuzzOracles.DocumentLength(bytes) is > 0 and int first && first < bytes.Length);
            if (refused is not null || tookMore) continue;
            FuzzOracles.CheckSound(target);
            FuzzOracles.CheckPatches(target, plain, heads);
            before = FuzzOracles.Face.Of(target);
            (plain, heads) = (PlainDocument.Of(target.View, TextUnit.Utf16), [.. target.Heads]);
        }

        // With what waited more may come in than was given last; and of several chunks the first is kept when the next is damaged.
        if (!tookMore)
        {
            before.AssertSame(FuzzOracles.Face.Of(target), "after a refusal");
            FuzzOracles.CheckSound(target);
            Assert.Empty(target.TakePatches());
        }

        CheckHonestNext(target, document, known);
        return refused;
    });

    [Fact]
    public void Receive_sync_messages() => FuzzRun.Run(1500, one =>
    {
        FuzzDocument document = one.Pick(FuzzCorpus.Documents);
        int known = one.Random.Next(document.Changes.Count);
        Document target = Document.Load(document.Save(known), FuzzOracles.Self, FuzzOracles.Options);
        SyncMode mode = one.OneIn(2) ? SyncMode.Server : SyncMode.Compatible;
        SyncState state = new();
        string? refused = null;
        for (int count = 1 + one.Random.Next(4); count > 0; count--)
        {
            byte[] message = one.Input = SyncMessageMutator.Make(one.Random, document, known);
            try
            {
                refused = one.Call(message.Length, FuzzOracles.DeclaredBytes, () => target.ReceiveSyncMessage(state, message, mode)).Refused;
            }
            catch (AutomergeFormatException exception)
            {
                refused = exception.Message;
            }

            // An answer is at most the document with whatever the peer may ask for, and is a message.
            byte[]? answer = one.Call(message.Length, FuzzOracles.DeclaredBytes, () => target.GenerateSyncMessage(state, mode));
            if (answer is not null) Assert.True(SyncMessageReader.TryRead(answer, out _, out string? what), what);
            if (one.OneIn(6)) state = Persisted(one, state);
        }

        FuzzOracles.CheckSound(target);
        CheckHonestNext(target, document, known);
        return refused;
    });

    [Fact]
    public void Read_change_index() => FuzzRun.Run(3000, one =>
    {
        FuzzDocument document = one.Pick(FuzzCorpus.Documents);
        ArrayBufferWriter<byte> written = new();
        Automerge.Tests.Documents.BuiltDocument.Load(document.Save(document.Changes.Count)).Graph.WriteTo(written);
        byte[] bytes = one.Input = MutateIndex(one, written.WrittenSpan.ToArray());
        ChangeGraph? graph = null;
        bool read = one.Call(bytes.Length, 1 << 14, () => ChangeGraph.TryRead(bytes, 7, out graph));
        if (!read) return "the change index is refused";

        // Whatever it says now: questions about it end, and it can be added to and written.
        one.Call(bytes.Length, 1 << 18, () => AskGraph(graph!));
        return null;
    });

    private static string? Inflate(in Chunk chunk)
    {
        if (chunk.Type != ChunkType.CompressedChange) return "not one chunk";
        using PooledBuffer inflated = new();
        if (!CompressedChange.TryInflate(chunk, 1 << 16, inflated, out ChunkError error)) return error.Describe();
        ChangeVerdict verdict = ChangeVerifier.Verify(inflated.Written, ChangeLimits.Default, out _);
        return verdict.IsOk ? "a compressed change that is good" : $"inflated: {verdict}";
    }

    private static string? TryLoad(FuzzCase one, byte[] bytes)
    {
        Document? loaded = null;
        string? refused = one.Call(bytes.Length, FuzzOracles.DeclaredBytes, () =>
        {
            try
            {
                loaded = Document.Load(bytes, FuzzOracles.Self, FuzzOracles.Options);
                return null;
            }
            catch (AutomergeFormatException exception)
            {
                return exception.Message;
            }
        });
        one.Describe = () => DescribeDocument(bytes);
        if (refused is not null) return refused;
        FuzzOracles.CheckSound(loaded!);
        FuzzOracles.CheckChanges(loaded!);
        return null;
    }

    private static string DescribeDocument(byte[] bytes)
    {
        if (!ChunkReader.TryRead(bytes, out Chunk chunk, out _) || chunk.Type != ChunkType.Document) return "";
        DocumentParts parts = DocumentParts.Parse(chunk.Bytes.ToArray());
        return string.Join(' ', parts.Actors.Select(Convert.ToHexStringLower)) + '\n' + DocumentRows.Describe(DocumentRows.Read(parts.OpColumns));
    }

    private static string? TryApply(FuzzCase one, Document target, byte[] bytes) => one.Call(bytes.Length, FuzzOracles.DeclaredBytes, () =>
    {
        try
        {
            return target.ApplyChanges(bytes) is { Added: 0, Waiting: 0 } ? "the document has it already" : null;
        }
        catch (AutomergeFormatException exception)
        {
            return exception.Message;
        }
    });

    // Whatever came, an honest writer goes on: unless the hostile one has used up his actor's number, or the counters that may be used.
    private static void CheckHonestNext(Document target, FuzzDocument document, int known)
    {
        ChangeVerifier.Verify(document.Changes[known], ChangeLimits.Default, out ChangeHeader next);
        if (target.Info(next.Hash) is not null) return;
        int actor = target.Graph.FindActor(next.Actor);
        if (actor >= 0 && target.Graph.TipOf(actor) >= 0 && target.Graph.SeqOf(target.Graph.TipOf(actor)) >= next.Seq) return;
        string? refused = null;
        try
        {
            target.ApplyChanges(document.Changes[known]);
        }
        catch (AutomergeFormatException exception)
        {
            refused = exception.Message;        // of one that waited for this one, it may be
        }

        Assert.True(target.Info(next.Hash) is not null, $"the honest next change {next.Hash} is refused: {refused}");
    }

    private static SyncState Persisted(FuzzCase one, SyncState state)
    {
        ArrayBufferWriter<byte> encoded = new();
        state.Encode(encoded);
        byte[] bytes = one.OneIn(2) ? encoded.WrittenSpan.ToArray() : ByteMutator.Mutate(one.Random, encoded.WrittenSpan.ToArray());
        return one.Call(bytes.Length, 4096, () => SyncState.TryDecode(bytes, out SyncState? decoded) ? decoded! : new SyncState());
    }

    private static byte[] MutateIndex(FuzzCase one, byte[] bytes)
    {
        if (one.OneIn(6)) bytes = ByteMutator.Mutate(one.Random, bytes);
        for (int count = 1 + one.Random.Next(3); count > 0 && bytes.Length >= 28; count--)
        {
            Span<byte> number = bytes.AsSpan(4 * one.Random.Next(1, bytes.Length / 4), 4);
            uint value = BinaryPrimitives.ReadUInt32LittleEndian(number);
            uint other = one.Random.Next(6) switch { 0 => value + 1, 1 => value - 1, 2 => uint.MaxValue, 3 => 0x8000_0000, 4 => (uint)-one.Random.Next(20), _ => (uint)one.Random.Next(40) };
            BinaryPrimitives.WriteUInt32LittleEndian(number, other);
        }

        if (bytes.Length < 28 || one.OneIn(10)) return bytes;
        uint crc = uint.MaxValue;
        foreach (byte b in bytes.AsSpan(12)) crc = BitOperations.Crc32C(crc, b);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), ~crc);
        return bytes;
    }

    private static int AskGraph(ChangeGraph graph)
    {
        List<int> rows = [];
        graph.CollectNotCoveredBy([], rows);
        for (int row = 0; row < graph.Count; row += 3)
        {
            ChangeHash[] heads = [graph.HashAt(row)];
            rows.Clear();
            graph.CollectNotCoveredBy(heads, rows);
            graph.Covers(heads, graph.Count - 1);
            graph.IsAncestor(row / 2, row);
            graph.CoversAllBefore(row);
        }

        ArrayBufferWriter<byte> again = new();
        graph.WriteTo(again);
        graph.TryAdd(new ChangeHash(new byte[32]), graph.Heads.ToArray(), [1, 2, 3], 1, Math.Min(graph.MaxOp, uint.MaxValue - 10) + 1, 1);
        return again.WrittenCount;
    }
}
