using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Storage.Blobs;

/// <summary>
/// Names on the stage. An id is a UUID's 32 digits.
/// <code>
/// id.part            an upload's bytes, each chunk in its place
/// id.map             which chunks are there, and their sums (ChunkMap)
/// id.hash.sealed     whole and durable: an upload, or a blob that came in one go
/// id.take            a blob that is coming in one go
/// id.copy            a whole blob on its way into a store of files that has no second names
/// </code>
/// </summary>
internal sealed class StageNames(string folder)
{
    private const int IdLength = 32;
    private const string SealedSuffix = ".sealed";

    public string Folder => folder;

    public string Part(Guid id) => Name(id, ".part");

    public string Map(Guid id) => Name(id, ".map");

    public string Take(Guid id) => Name(id, ".take");

    public string Copy(Guid id) => Name(id, ".copy");

    public string Sealed(Guid id, BlobHash hash) => Name(id, $".{hash}{SealedSuffix}");

    /// <returns>Whose file it is; null: not one of ours.</returns>
    public static Guid? IdOf(string path)
    {
        ReadOnlySpan<char> name = Path.GetFileName(path.AsSpan());
        int dot = name.IndexOf('.');
        return dot == IdLength && Guid.TryParseExact(name[..dot], "N", out Guid id)
            && (name[dot..] is ".part" or ".map" or ".take" or ".copy" || name.EndsWith(SealedSuffix, StringComparison.Ordinal)) ? id : null;
    }

    public static bool IsPartOfUpload(string path) => path.EndsWith(".part", StringComparison.Ordinal) || path.EndsWith(".map", StringComparison.Ordinal);

    /// <summary>Whether it is a whole blob, and which.</summary>
    public static bool TryReadSealed(string path, out Guid id, out BlobHash hash)
    {
        hash = default;
        id = IdOf(path) ?? default;
        string name = Path.GetFileName(path);
        if (id == default || name.Length != IdLength + 1 + BlobHash.TextLength + SealedSuffix.Length) return false;
        return BlobHash.TryParse(name.Substring(IdLength + 1, BlobHash.TextLength), out hash);
    }

    private string Name(Guid id, string suffix) => Path.Combine(folder, $"{id:N}{suffix}");
}
