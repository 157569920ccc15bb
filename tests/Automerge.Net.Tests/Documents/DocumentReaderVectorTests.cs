using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Documents;

/// <summary>Documents as automerge 3.5.0 and older writers saved them.</summary>
public class DocumentReaderVectorTests
{
    public static TheoryData<string> Documents => VectorFiles.Documents;

    public static TheoryData<string> ManifestPaths => VectorFiles.ManifestPaths;

    [Theory]
    [MemberData(nameof(Documents))]
    public void Read_save_of_automerge_gives_its_changes(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file);
        RecordingSink sink = new(_ => true);
        DocumentReader.Read(vector.GetProperty("saved").GetBytesFromBase64(), DocumentLimits.Default, sink);
        Assert.Equal(vector.GetProperty("hashes").EnumerateArray().Select(hash => hash.GetString()!), sink.Hashes.Select(hash => hash.ToString()));
        Assert.Equal(vector.GetProperty("changes").EnumerateArray().Select(change => change.GetBytesFromBase64()), sink.Bytes);
        Assert.Equal(sink.Hashes.Count, sink.ChangeCount);
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Read_save_of_half_the_changes_gives_those(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file), half = vector.GetProperty("half");
        byte[] saved = half.GetProperty("saved").GetBytesFromBase64();
        RecordingSink sink = new();
        DocumentReader.Read(saved, DocumentLimits.Default, sink);
        IEnumerable<string> expected = vector.GetProperty("hashes").EnumerateArray().Take(half.GetProperty("changes").GetInt32()).Select(hash => hash.GetString()!);
        Assert.Equal(expected.Order(), sink.Hashes.Select(hash => hash.ToString()).Order());
        Assert.Equal(half.GetProperty("heads").EnumerateArray().Select(head => head.GetString()!), Heads(saved));
    }

    [Theory]
    [MemberData(nameof(ManifestPaths))]
    public void Read_third_party_file_gives_what_automerge_made_of_it(string path)
    {
        VectorFiles.RequireThirdParty();
        JsonElement expected = VectorFiles.Manifest(path);
        if (path.EndsWith(".amrgsync", StringComparison.Ordinal)) return;      // see ChunkReaderVectorTests

        (bool loads, string what, HashSet<string> hashes, HashSet<string> heads) = Load(VectorFiles.ReadThirdParty(path));
        Assert.True(expected.GetProperty("loads").GetBoolean() == loads, what);
        if (!loads) return;
        Assert.Equal(expected.GetProperty("numChanges").GetInt32(), hashes.Count);
        Assert.Equal(expected.GetProperty("heads").EnumerateArray().Select(head => head.GetString()!).Order(), heads.Order());
    }

    /// <summary>Loads a file of chunks as far as this layer can: every chunk by itself; tails of changes may be in any order.</summary>
    internal static (bool Loads, string What, HashSet<string> Hashes, HashSet<string> Heads) Load(ReadOnlySpan<byte> file)
    {
        HashSet<string> hashes = [], heads = [], deps = [];
        while (!file.IsEmpty)
        {
            if (!ChunkReader.TryRead(file, out Chunk chunk, out ChunkError error)) return (false, error.Describe(), hashes, heads);
            if (chunk.Type == ChunkType.Document)
            {
                RecordingSink sink = new(verify: true);
                if (!DocumentReader.TryRead(chunk.Bytes, DocumentLimits.Default, sink, out string what)) return (false, what, hashes, heads);
                foreach (ChangeHash hash in sink.Hashes) hashes.Add(hash.ToString());
                foreach (string head in Heads(chunk.Bytes)) heads.Add(head);
            }
            else
            {
                System.Buffers.ArrayBufferWriter<byte> plain = new();
                if (chunk.Type == ChunkType.CompressedChange && !CompressedChange.TryInflate(chunk, CompressedChange.DefaultMaxInflatedBytes, plain, out error))
                    return (false, error.Describe(), hashes, heads);
                ChangeVerdict verdict = ChangeVerifier.Verify(plain.WrittenCount > 0 ? plain.WrittenSpan : chunk.Bytes, ChangeLimits.Default, out ChangeHeader header);
                if (!verdict.IsOk) return (false, verdict.ToString(), hashes, heads);
                hashes.Add(header.Hash.ToString());
                heads.Add(header.Hash.ToString());
                foreach (ChangeHash dep in header.Deps) deps.Add(dep.ToString());
            }

            file = file[chunk.Length..];
        }

        heads.ExceptWith(deps);
        Assert.Subset(hashes, deps);
        return (true, "", hashes, heads);
    }

    internal static string[] Heads(ReadOnlySpan<byte> document)
    {
        Assert.True(ChunkReader.TryRead(document, out Chunk chunk, out _));
        Assert.True(DocumentHeader.TryRead(chunk, out DocumentHeader header, out _));
        string[] heads = new string[header.Heads.Length];
        for (int i = 0; i < heads.Length; i++) heads[i] = header.Heads[i].ToString();
        return heads;
    }
}
