using System.IO.Compression;
using System.Text.Json;
using Automerge.Format;

namespace Automerge.Comparison;

/// <summary>The inputs both engines get: documents of the vectors (AUTOMERGE_VECTORS), and what node/prepare.mjs wrote (COMPARISON_INPUTS).</summary>
internal static class Inputs
{
    public static byte[] Document(string name) => Vector(name switch
    {
        "trace-one" => "traces/automerge-paper-one-change.am",
        "trace-many" => "traces/automerge-paper-change-per-edit.am",
        "essay" => "bench/essay.amrg",
        "moby-dick" => "bench/moby-dick.automerge",
        _ => throw new ArgumentException($"no document '{name}'", nameof(name)),
    });

    public static byte[] Prepared(string name) => File.ReadAllBytes(Path.Combine(Folder("COMPARISON_INPUTS"), name));

    /// <summary>Chunks one after the other, taken apart.</summary>
    public static List<ReadOnlyMemory<byte>> Chunks(byte[] data)
    {
        List<ReadOnlyMemory<byte>> chunks = [];
        for (int at = 0; at < data.Length; at += chunks[^1].Length)
        {
            if (!ChunkReader.TryRead(data.AsSpan(at), out Chunk chunk, out ChunkError error)) throw new AutomergeFormatException(error.Describe());
            chunks.Add(data.AsMemory(at, chunk.Length));
        }

        return chunks;
    }

    /// <summary>The edits of the paper: position, deleted characters, inserted text.</summary>
    public static List<(int At, int Removed, string Inserted)> Edits()
    {
        using MemoryStream file = new(Vector("traces/automerge-paper-edits.json.gz"));
        using GZipStream text = new(file, CompressionMode.Decompress);
        using JsonDocument json = JsonDocument.Parse(text);
        return [.. json.RootElement.EnumerateArray().Select(edit => (edit[0].GetInt32(), edit[1].GetInt32(), edit.GetArrayLength() > 2 ? edit[2].GetString()! : ""))];
    }

    private static byte[] Vector(string path) => File.ReadAllBytes(Path.Combine(Folder("AUTOMERGE_VECTORS"), "automerge", path));

    private static string Folder(string variable) => Environment.GetEnvironmentVariable(variable) ?? throw new InvalidOperationException($"{variable} names no folder");
}
