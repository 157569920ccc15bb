using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using BenchmarkDotNet.Attributes;

namespace Ratatoskr.Microbenchmarks.Automerge;

/// <summary>Verifying a document that came from outside: all changes made again, hashed, heads compared.</summary>
[MemoryDiagnoser]
public class DocumentReaderBenchmark
{
    private readonly CountingSink _sink = new();
    private byte[] _chunk = [];

    [Params(
        "traces/automerge-paper-one-change.am",
        "traces/automerge-paper-change-per-edit.am",
        "bench/essay.amrg",
        "egwalker/A1.am")]
    public string File { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        byte[] file = BenchmarkFiles.Read(File);
        if (!ChunkReader.TryRead(file, out Chunk chunk, out ChunkError error)) throw new AutomergeFormatException(error.Describe());
        _chunk = chunk.Bytes.ToArray();
    }

    [Benchmark]
    public int Read()
    {
        DocumentReader.Read(_chunk, DocumentLimits.Default, _sink);
        return _sink.Changes;
    }

    private sealed class CountingSink : IDocumentSink
    {
        public int Changes { get; private set; }

        public void Begin(IReadOnlyList<ActorId> actors, int changeCount) => Changes = 0;

        public bool WantsBytes(int row) => false;

        public void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes) => Changes++;
    }
}
