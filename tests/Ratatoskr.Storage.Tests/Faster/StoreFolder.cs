using Ratatoskr.Storage.Faster;

namespace Ratatoskr.Storage.Tests.Faster;

/// <summary>A folder for one test, removed with it.</summary>
internal sealed class StoreFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("ratatoskr-").FullName;

    /// <summary>Small pages, so that little data already has many, and no reserve: the test machine's disk is its own affair.</summary>
    public FasterStoreOptions Options => OptionsFor(Path);

    public static FasterStoreOptions OptionsFor(string path) => new()
    {
        Folder = path,
        PageBytes = 256 << 10,
        TableMemoryBytes = 4 << 20,
        JournalMemoryBytes = 1 << 20,
        TableSegmentBytes = 1 << 20,
        JournalSegmentBytes = 1 << 20,
        IndexBuckets = 1 << 10,
        ReserveBytes = 0,
    };

    /// <summary>What a power cut now would leave: a copy made while the store runs.</summary>
    public StoreFolder Image()
    {
        StoreFolder image = new();
        Copy(Path, image.Path);
        return image;
    }

    /// <summary>Bytes of a part's files; those that are being removed count or do not.</summary>
    public long Size(string part)
    {
        DirectoryInfo folder = new(System.IO.Path.Combine(Path, "documents", part));
        return folder.EnumerateFiles("*", SearchOption.AllDirectories).Sum(file =>
        {
            try
            {
                return file.Length;
            }
            catch (FileNotFoundException)
            {
                return 0;
            }
        });
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    private static void Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from))
        {
            if (System.IO.Path.GetFileName(file) == "lock") continue;
            using FileStream source = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using FileStream target = File.Create(System.IO.Path.Combine(to, System.IO.Path.GetFileName(file)));
            source.CopyTo(target);
        }

        foreach (string folder in Directory.EnumerateDirectories(from))
        {
            Copy(folder, Directory.CreateDirectory(System.IO.Path.Combine(to, System.IO.Path.GetFileName(folder))).FullName);
        }
    }
}
