using FASTER.core;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Tests.PowerCuts;

/// <summary>
/// A disk in memory that loses power at a step chosen beforehand. What is then on it is what had been synced, and of everything else a part drawn by the seed: of writes
/// any sectors, of names made, renamed and removed any that their directory was not synced after. The process under test does not notice: it goes on with a disk
/// that no longer counts, while <see cref="Image"/> is what the next one finds.
/// </summary>
/// <remarks>Safe on any thread: one lock. Steps are counted under it, so a seed means the same cut as long as the threads take turns alike.</remarks>
internal sealed class PowerCutFiles : IStoreFiles
{
    private readonly Lock _gate = new();
    private readonly Random _random;
    private readonly Dictionary<string, Entry> _seen = [];
    private readonly Dictionary<string, Entry> _onDisk = [];
    private readonly List<(string Directory, Action<Dictionary<string, Entry>> Change)> _unsynced = [];
    private readonly HashSet<string> _held = [];
    private long _steps;

    public PowerCutFiles(int seed) => _random = new Random(seed);

    /// <summary>At this step the power is cut. 0: never.</summary>
    public long CutAt { get; set; }

    /// <summary>The share of steps that fail while it is more than 0.</summary>
    public double FailureRate { get; set; }

    /// <summary>Which steps fail: those of a file or directory whose path contains this.</summary>
    public string FailsIn { get; set; } = "";

    public bool ReadsFailToo { get; set; } = true;

    /// <summary>So many steps that would fail do not; then <see cref="FailuresMax"/> fail.</summary>
    public int FailuresAfter { get; set; }

    public int FailuresMax { get; set; } = int.MaxValue;

    /// <summary>Which files the disk fails to write when it is asked to begin with it: those whose path contains this. It takes along all of the file that was not synced.</summary>
    public string? LosesIn { get; set; }

    /// <summary>Called with its path before a file's bytes are read, to be failed or held up.</summary>
    public Action<string>? BeforeRead { get; set; }

    /// <summary>Called with its path before a file is closed, to be held up.</summary>
    public Action<string>? BeforeClose { get; set; }

    public long Free { get; set; } = long.MaxValue / 4;

    /// <summary>Whether files may have second names.</summary>
    public bool HasLinks { get; set; } = true;

    public long Steps => Interlocked.Read(ref _steps);

    public long Failures { get; private set; }

    /// <summary>How often the disk has lost what it was given.</summary>
    public long Losses { get; private set; }

    public long BytesRead { get; private set; }

    /// <summary>What is left; null before the cut.</summary>
    public PowerCutFiles? Image { get; private set; }

    public bool IsCut
    {
        get
        {
            lock (_gate) return Image is not null;
        }
    }

    /// <summary>The power is cut here and now, unless it was before.</summary>
    public PowerCutFiles Cut()
    {
        lock (_gate) return Image ??= AfterPowerCut();
    }

    public IHeldFile Hold(string path)
    {
        lock (_gate)
        {
            Step(path);
            if (!_held.Add(path)) throw new IOException("held");
            return new HeldFile(this, path);
        }
    }

    public bool FileExists(string path)
    {
        lock (_gate) return _seen.TryGetValue(path, out Entry? entry) && entry.File is not null;
    }

    public bool DirectoryExists(string path)
    {
        lock (_gate) return _seen.TryGetValue(path, out Entry? entry) && entry.File is null;
    }

    public byte[] Read(string path)
    {
        lock (_gate)
        {
            Step(path, isRead: true);
            SimulatedFile file = Find(path);
            byte[] content = new byte[file.Length];
            file.Read(content, 0);
            BytesRead += content.Length;
            return content;
        }
    }

    public IStoreFile Open(string path, bool create)
    {
        lock (_gate)
        {
            Step(path);
            if (!create) return new OpenFile(this, path, Find(path));
            SimulatedFile file = new();
            Change(path, entries => entries[path] = new Entry(file));
            return new OpenFile(this, path, file);
        }
    }

    public IStoreFile? OpenToRead(string path)
    {
        lock (_gate)
        {
            Step(path, isRead: true);
            return FileExists(path) ? new OpenFile(this, path, Find(path)) : null;
        }
    }

    public (long Length, DateTimeOffset WrittenAt)? Look(string path)
    {
        lock (_gate)
        {
            Step(path, isRead: true);
            return FileExists(path) ? (Find(path).Length, DateTimeOffset.UnixEpoch) : null;
        }
    }

    public LinkOutcome Link(string path, string name, DateTimeOffset writtenAt)
    {
        lock (_gate)
        {
            Step(name);
            if (!HasLinks) return LinkOutcome.Unsupported;
            if (_seen.ContainsKey(name)) return LinkOutcome.Exists;
            Entry linked = new(Find(path));
            Change(name, entries => entries[name] = linked);
            return LinkOutcome.Linked;
        }
    }

    public void Move(string from, string to)
    {
        lock (_gate)
        {
            Step(to);
            Entry moved = _seen[from];
            Change(to, entries =>
            {
                entries.Remove(from);
                entries[to] = moved;
            });
        }
    }

    public void Truncate(string path, long length)
    {
        lock (_gate)
        {
            Step(path);
            Find(path).Truncate(length);
            Step(path, mayFail: false);
        }
    }

    public void Delete(string path)
    {
        lock (_gate)
        {
            Step(path);
            if (_seen.ContainsKey(path)) Change(path, entries => entries.Remove(path));
        }
    }

    public void DeleteDirectory(string path)
    {
        lock (_gate)
        {
            Step(path);
            foreach (string file in _seen.Keys.Where(name => Path.GetDirectoryName(name) == path).ToList()) Change(file, entries => entries.Remove(file));
            Change(path, entries => entries.Remove(path));
        }
    }

    public void MakeDirectory(string path)
    {
        lock (_gate)
        {
            Step(path);
            Change(path, entries => entries[path] = new Entry(null));
        }
    }

    public IEnumerable<string> FilesIn(string directory) => In(directory, entry => entry.File is not null);

    public IEnumerable<string> DirectoriesIn(string directory) => In(directory, entry => entry.File is null);

    public void SyncDirectory(string path)
    {
        lock (_gate)
        {
            Step(path);
            foreach ((string directory, Action<Dictionary<string, Entry>> change) in _unsynced)
            {
                if (directory == path) change(_onDisk);
            }

            _unsynced.RemoveAll(one => one.Directory == path);
            Step(path);
        }
    }

    public IDevice OpenDevice(string path) => new PowerCutDevice(this, path);

    public IDevice OpenJournalDevice(string path) => OpenDevice(path);

    public Func<long> AvailableBytesOf(string directory) => () =>
    {
        lock (_gate)
        {
            if (!_seen.ContainsKey(directory)) throw new DirectoryNotFoundException(directory);
            return Free;
        }
    };

    /// <summary>A segment of a device; made when it is not there.</summary>
    public SimulatedFile Segment(string path)
    {
        lock (_gate)
        {
            if (_seen.TryGetValue(path, out Entry? entry)) return entry.File!;
            SimulatedFile file = new();
            Change(path, entries => entries[path] = new Entry(file));
            return file;
        }
    }

    /// <summary>A device's write, issued: until <see cref="EndWrite"/> any part of it may get lost.</summary>
    public SimulatedFile.Write BeginWrite(string path, SimulatedFile file, ReadOnlySpan<byte> bytes, long offset)
    {
        lock (_gate)
        {
            SimulatedFile.Write write = file.Put(bytes, offset);
            Step(path);
            return write;
        }
    }

    public void EndWrite(string path, SimulatedFile file, SimulatedFile.Write write)
    {
        lock (_gate)
        {
            file.Sync(write);
            Step(path, mayFail: false);
        }
    }

    public int ReadSegment(string path, SimulatedFile file, Span<byte> into, long offset)
    {
        lock (_gate)
        {
            Step(path, isRead: true);
            int count = file.Read(into, offset);
            BytesRead += count;
            return count;
        }
    }

    private List<string> In(string directory, Func<Entry, bool> kind)
    {
        lock (_gate)
        {
            Step(directory, isRead: true);
            return [.. _seen.Where(one => kind(one.Value) && Path.GetDirectoryName(one.Key) == directory).Select(one => one.Key)];
        }
    }

    private SimulatedFile Find(string path) => _seen.TryGetValue(path, out Entry? entry) && entry.File is { } file ? file : throw new FileNotFoundException(path);

    private void Change(string path, Action<Dictionary<string, Entry>> change)
    {
        change(_seen);
        _unsynced.Add((Path.GetDirectoryName(path)!, change));
    }

    private void Step(string path, bool isRead = false, bool mayFail = true)
    {
        if (++_steps == CutAt) Image ??= AfterPowerCut();
        if (!mayFail || FailureRate == 0 || Image is not null || (isRead && !ReadsFailToo) || !path.Contains(FailsIn, StringComparison.Ordinal)) return;
        if (_random.NextDouble() >= FailureRate || FailuresAfter-- > 0 || FailuresMax-- <= 0) return;
        Failures++;
        throw new IOException($"step {_steps} fails, as it was told to ({path})");
    }

    private PowerCutFiles AfterPowerCut()
    {
        Dictionary<string, Entry> entries = new(_onDisk);
        double survives = _random.Next(4) switch { 0 => 0, 1 => 1, _ => _random.NextDouble() };
        foreach ((_, Action<Dictionary<string, Entry>> change) in _unsynced)
        {
            if (_random.NextDouble() < survives) change(entries);
        }

        PowerCutFiles image = new(_random.Next());
        Dictionary<SimulatedFile, SimulatedFile> left = [];       // a file with two names is still one
        foreach ((string path, Entry entry) in entries.OrderBy(one => one.Key, StringComparer.Ordinal))
        {
            // A name in a directory that is not there is nowhere.
            if (!IsReachable(entries, path)) continue;
            SimulatedFile? file = null;
            if (entry.File is not null && !left.TryGetValue(entry.File, out file)) left[entry.File] = file = entry.File.AfterPowerCut(_random);
            Entry found = new(file);
            image._seen[path] = found;
            image._onDisk[path] = found;
        }

        return image;
    }

    private static bool IsReachable(Dictionary<string, Entry> entries, string path)
    {
        for (string? folder = Path.GetDirectoryName(path); folder is not null && Path.GetDirectoryName(folder) is not null; folder = Path.GetDirectoryName(folder))
        {
            if (!entries.ContainsKey(folder)) return false;
        }

        return true;
    }

    /// <summary>A name's file; null for a directory.</summary>
    private sealed record Entry(SimulatedFile? File);

    private sealed class HeldFile(PowerCutFiles files, string path) : IHeldFile
    {
        public bool IsInPlace()
        {
            lock (files._gate) return files._held.Contains(path);
        }

        public void Dispose()
        {
            lock (files._gate) files._held.Remove(path);
        }
    }

    private sealed class OpenFile(PowerCutFiles files, string path, SimulatedFile file) : IStoreFile
    {
        private bool _hasFailed;

        public long Length => file.Length;

        public bool HasFailed => Volatile.Read(ref _hasFailed);

        public int Read(Span<byte> into, long offset)
        {
            files.BeforeRead?.Invoke(path);
            return files.ReadSegment(path, file, into, offset);
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset) => files.BeginWrite(path, file, bytes, offset);

        // Told to this handle, and to no other: the next one syncs as if nothing had happened.
        public void StartWriting(long offset, long length)
        {
            lock (files._gate)
            {
                if (files.LosesIn is not { } where || files.Image is not null || !path.Contains(where, StringComparison.Ordinal)) return;
                files.Failures++;
                files.Losses++;
                file.LoseUnsynced();
                Volatile.Write(ref _hasFailed, true);
            }
        }

        public void WriteOut(long offset, long length) => StartWriting(offset, length);

        public void Sync()
        {
            lock (files._gate)
            {
                if (HasFailed) throw new IOException($"the disk could not write, as it was told to ({path})");
                files.Step(path);
                file.Sync();
                files.Step(path, mayFail: false);
            }
        }

        public void Dispose() => files.BeforeClose?.Invoke(path);
    }
}
