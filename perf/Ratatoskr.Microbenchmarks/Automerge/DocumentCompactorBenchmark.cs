using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using BenchmarkDotNet.Attributes;

namespace Ratatoskr.Microbenchmarks.Automerge;

/// <summary>Folding the last 1,000 changes of a document into a snapshot of all before: read and verify, apply, write, read back and verify.</summary>
[MemoryDiagnoser]
public class DocumentCompactorBenchmark
{
    private const int TailLength = 1_000;

    private byte[] _snapshot = [];
    private byte[] _tail = [];

    [Params("traces/automerge-paper-change-per-edit.am", "bench/essay.amrg")]
    public string File { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        if (!ChunkReader.TryRead(BenchmarkFiles.Read(File), out Chunk chunk, out ChunkError error)) throw new AutomergeFormatException(error.Describe());
        AllChanges sink = new();
        DocumentReader.Read(chunk.Bytes, DocumentLimits.Default, sink);
        int cut = (int)(sink.Bytes.Length - sink.LastLengths.Sum());
        _snapshot = DocumentCompactor.Compact(default, sink.Bytes.GetBuffer().AsSpan(0, cut), DocumentLimits.Default);
        _tail = sink.Bytes.GetBuffer().AsSpan(cut, (int)sink.Bytes.Length - cut).ToArray();
    }

    [Benchmark]
    public int Compact() => DocumentCompactor.Compact(_snapshot, _tail, DocumentLimits.Default).Length;

    private sealed class AllChanges : IDocumentSink
    {
        public MemoryStream Bytes { get; } = new();

        public Queue<int> LastLengths { get; } = new();

        public void Begin(IReadOnlyList<ActorId> actors, int changeCount)
        {
        }

        public bool WantsBytes(int row) => true;

        public void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes)
        {
            Bytes.Write(bytes);
            LastLengths.Enqueue(bytes.Length);
            if (LastLengths.Count > TailLength) LastLengths.Dequeue();
        }
    }
}
