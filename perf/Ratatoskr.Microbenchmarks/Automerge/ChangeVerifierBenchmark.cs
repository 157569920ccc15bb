using Automerge.Changes;
using Automerge.Documents;
using BenchmarkDotNet.Attributes;

namespace Ratatoskr.Microbenchmarks.Automerge;

/// <summary>One change from a peer: a typed character (about 110 bytes), or a whole paper pasted (317 KB, 259,779 operations).</summary>
[MemoryDiagnoser]
public class ChangeVerifierBenchmark
{
    private byte[] _keystroke = [];
    private byte[] _paste = [];

    [GlobalSetup]
    public void Setup()
    {
        _keystroke = ChangeOf("traces/automerge-paper-change-per-edit.am", 1_000);
        _paste = ChangeOf("traces/automerge-paper-one-change.am", 0);
    }

    [Benchmark]
    public bool Keystroke() => ChangeVerifier.Verify(_keystroke, ChangeLimits.Default, out _).IsOk;

    [Benchmark]
    public bool Paste() => ChangeVerifier.Verify(_paste, ChangeLimits.Default, out _).IsOk;

    [Benchmark]
    public uint HeaderOnly()
    {
        ChangeHeader.TryRead(_keystroke, default, out ChangeHeader header);
        return header.MaxOp;
    }

    private static byte[] ChangeOf(string file, int row)
    {
        OneChange sink = new(row);
        DocumentReader.Read(BenchmarkFiles.Read(file), DocumentLimits.Default, sink);
        return sink.Bytes;
    }

    private sealed class OneChange(int wanted) : IDocumentSink
    {
        public byte[] Bytes { get; private set; } = [];

        public void Begin(IReadOnlyList<ActorId> actors, int changeCount)
        {
        }

        public bool WantsBytes(int row) => row == wanted;

        public void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes)
        {
            if (row == wanted) Bytes = bytes.ToArray();
        }
    }
}
