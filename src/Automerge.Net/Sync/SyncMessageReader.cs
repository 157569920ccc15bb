using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Sync;

/// <summary>The two forms of a sync message; the number is its first byte.</summary>
public enum SyncVersion : byte
{
    /// <summary>One change chunk an entry. What is sent until the peer has shown flags.</summary>
    V1 = 0x42,

    /// <summary>At most one entry: chunks of any kind one after the other.</summary>
    V2 = 0x43,
}

/// <summary>What a sender tells about itself (legacy byte 02, then a byte with the top bit set).</summary>
[Flags]
public enum SyncFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The receiver should forget what it believes it has sent.</summary>
    SyncReset = 0x01,

    /// <summary>The sender will not apply changes: send none.</summary>
    ReadOnly = 0x02,

    /// <summary>The sender understands <see cref="SyncReset"/>.</summary>
    SupportsSyncReset = 0x04,
}

/// <summary>
/// Reads a sync message in place; nothing is copied or allocated.
/// <code>
///   42 | 43      version
///   heads        uleb n, n × 32 bytes
///   need         uleb n, n × 32 bytes
///   have         uleb n, n × { lastSync: uleb n, n × 32 bytes; bloom: uleb length, bytes }
///   changes      uleb n, n × { uleb length, bytes }
///   flags        uleb length, bytes           may be absent; what follows is ignored
/// </code>
/// </summary>
/// <remarks>A view: lives as long as the bytes. <see cref="TryRead"/> checks all of it, so nothing later can fail.</remarks>
public readonly ref struct SyncMessageReader
{
    /// <summary>Entries of <c>have</c> that are accepted. Automerge sends one; each costs a probe per change.</summary>
    public const int HaveCountMax = 8;

    /// <summary>Hashes accepted in one list: twice the heads that a document here may have. Each is looked up whenever something is generated for the peer.</summary>
    public const int HashesMax = 8192;

    private readonly ReadOnlySpan<byte> _have;
    private readonly ReadOnlySpan<byte> _changes;

    private SyncMessageReader(
        SyncVersion version,
        ReadOnlySpan<ChangeHash> heads,
        ReadOnlySpan<ChangeHash> need,
        int haveCount,
        ReadOnlySpan<byte> have,
        int changeCount,
        ReadOnlySpan<byte> changes,
        bool hasFlags,
        SyncFlags flags)
    {
        Version = version;
        Heads = heads;
        Need = need;
        HaveCount = haveCount;
        _have = have;
        ChangeCount = changeCount;
        _changes = changes;
        HasFlags = hasFlags;
        Flags = flags;
    }

    /// <summary>The form.</summary>
    public SyncVersion Version { get; }

    /// <summary>The sender's heads, in place.</summary>
    public ReadOnlySpan<ChangeHash> Heads { get; }

    /// <summary>Changes that the sender asks for by hash, in place.</summary>
    public ReadOnlySpan<ChangeHash> Need { get; }

    /// <summary>Entries of <see cref="Have"/>.</summary>
    public int HaveCount { get; }

    /// <summary>Entries of <see cref="Changes"/>.</summary>
    public int ChangeCount { get; }

    /// <summary>Whether there is a flags section: its sender understands <see cref="SyncVersion.V2"/>.</summary>
    public bool HasFlags { get; }

    /// <summary>What the flags section says; <see cref="SyncFlags.None"/> if it has only the legacy byte or is absent.</summary>
    public SyncFlags Flags { get; }

    /// <summary>What the sender has: since these heads, these changes.</summary>
    public HaveEnumerator Have => new(_have, HaveCount);

    /// <summary>The entries of the changes list. Whatever the version: one stream of chunks, cut anywhere between two.</summary>
    public ChangesEnumerator Changes => new(_changes, ChangeCount);

    // The encoded entries of have, for a state to keep.
    internal ReadOnlySpan<byte> EncodedHave => _have;

    /// <summary>Reads and checks a whole message.</summary>
    /// <param name="bytes">The message.</param>
    /// <param name="message">The view.</param>
    /// <param name="error">What is wrong, when false.</param>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out SyncMessageReader message, out string? error)
    {
        message = default;
        if (bytes.IsEmpty)
        {
            error = "sync message is empty";
            return false;
        }

        SyncVersion version = (SyncVersion)bytes[0];
        if (version is not (SyncVersion.V1 or SyncVersion.V2))
        {
            error = "sync message does not begin with 42 or 43";
            return false;
        }

        ReadOnlySpan<byte> rest = bytes[1..];
        if (!TryReadHashes(ref rest, out ReadOnlySpan<ChangeHash> heads))
        {
            error = "sync message: heads are damaged or longer than the message";
            return false;
        }

        if (!TryReadHashes(ref rest, out ReadOnlySpan<ChangeHash> need))
        {
            error = "sync message: need is damaged or longer than the message";
            return false;
        }

        if (!TryReadHave(ref rest, out int haveCount, out ReadOnlySpan<byte> have, out error)) return false;
        if (!TryReadChanges(ref rest, out int changeCount, out ReadOnlySpan<byte> changes))
        {
            error = "sync message: changes are damaged or longer than the message";
            return false;
        }

        bool hasFlags = !rest.IsEmpty;
        SyncFlags flags = SyncFlags.None;
        if (hasFlags)
        {
            if (!TryReadBytes(ref rest, out ReadOnlySpan<byte> section))
            {
                error = "sync message: flags are damaged or longer than the message";
                return false;
            }

            foreach (byte flag in section)
            {
                if (flag >= 0x80) flags |= (SyncFlags)(flag & 0x7f);
            }
        }

        message = new SyncMessageReader(version, heads, need, haveCount, have, changeCount, changes, hasFlags, flags);
        error = null;
        return true;
    }

    internal static bool TryReadHashes(scoped ref ReadOnlySpan<byte> input, out ReadOnlySpan<ChangeHash> hashes)
    {
        hashes = default;
        if (!Leb128.TryReadUInt32(ref input, out uint count) || count > HashesMax || count > (uint)input.Length / ChangeHash.Size) return false;
        int length = (int)count * ChangeHash.Size;
        hashes = ChangeHash.CastList(input[..length]);
        input = input[length..];
        return true;
    }

    private static bool TryReadBytes(scoped ref ReadOnlySpan<byte> input, out ReadOnlySpan<byte> bytes)
    {
        bytes = default;
        if (!Leb128.TryReadUInt32(ref input, out uint length) || length > (uint)input.Length) return false;
        bytes = input[..(int)length];
        input = input[(int)length..];
        return true;
    }

    private static bool TryReadHave(scoped ref ReadOnlySpan<byte> input, out int count, out ReadOnlySpan<byte> have, out string? error)
    {
        count = 0;
        have = default;
        error = "sync message: have is damaged or longer than the message";
        if (!Leb128.TryReadUInt32(ref input, out uint entries)) return false;
        if (entries > HaveCountMax)
        {
            error = "sync message: have has too many entries";
            return false;
        }

        ReadOnlySpan<byte> start = input;
        for (uint i = 0; i < entries; i++)
        {
            if (!TryReadHashes(ref input, out _) || !TryReadBytes(ref input, out ReadOnlySpan<byte> bloom)) return false;
            if (!BloomFilter.TryRead(bloom, out _))
            {
                error = "sync message: a Bloom filter is damaged or out of bounds";
                return false;
            }
        }

        count = (int)entries;
        have = start[..(start.Length - input.Length)];
        error = null;
        return true;
    }

    private static bool TryReadChanges(scoped ref ReadOnlySpan<byte> input, out int count, out ReadOnlySpan<byte> changes)
    {
        count = 0;
        changes = default;

        // Each entry takes a byte at least, so this also bounds the loop.
        if (!Leb128.TryReadUInt32(ref input, out uint entries) || entries > (uint)input.Length) return false;
        ReadOnlySpan<byte> start = input;
        for (uint i = 0; i < entries; i++)
        {
            if (!TryReadBytes(ref input, out _)) return false;
        }

        count = (int)entries;
        changes = start[..(start.Length - input.Length)];
        return true;
    }

    /// <summary>One entry of <c>have</c>.</summary>
    public readonly ref struct HaveEntry
    {
        internal HaveEntry(ReadOnlySpan<ChangeHash> lastSync, BloomFilter bloom, ReadOnlySpan<byte> encodedBloom)
        {
            LastSync = lastSync;
            Bloom = bloom;
            EncodedBloom = encodedBloom;
        }

        /// <summary>Heads that the sender believes both sides have.</summary>
        public ReadOnlySpan<ChangeHash> LastSync { get; }

        /// <summary>What the sender has beyond them.</summary>
        public BloomFilter Bloom { get; }

        /// <summary>The filter as it is in the message.</summary>
        public ReadOnlySpan<byte> EncodedBloom { get; }
    }

    /// <summary>Walks the entries of <c>have</c>.</summary>
    public ref struct HaveEnumerator
    {
        private ReadOnlySpan<byte> _rest;
        private int _left;

        internal HaveEnumerator(ReadOnlySpan<byte> entries, int count)
        {
            _rest = entries;
            _left = count;
        }

        /// <summary>The entry reached.</summary>
        public HaveEntry Current { get; private set; }

        /// <summary>The enumerator itself.</summary>
        public readonly HaveEnumerator GetEnumerator() => this;

        /// <summary>Goes to the next entry.</summary>
        public bool MoveNext()
        {
            if (_left == 0) return false;
            _left--;
            bool read = TryReadHashes(ref _rest, out ReadOnlySpan<ChangeHash> lastSync) & TryReadBytes(ref _rest, out ReadOnlySpan<byte> encoded);
            read &= BloomFilter.TryRead(encoded, out BloomFilter bloom);
            System.Diagnostics.Debug.Assert(read, "checked when the message was read");
            Current = new HaveEntry(lastSync, bloom, encoded);
            return true;
        }
    }

    /// <summary>Walks the entries of the changes list.</summary>
    public ref struct ChangesEnumerator
    {
        private ReadOnlySpan<byte> _rest;
        private int _left;

        internal ChangesEnumerator(ReadOnlySpan<byte> entries, int count)
        {
            _rest = entries;
            _left = count;
        }

        /// <summary>The entry reached: chunks.</summary>
        public ReadOnlySpan<byte> Current { get; private set; }

        /// <summary>The enumerator itself.</summary>
        public readonly ChangesEnumerator GetEnumerator() => this;

        /// <summary>Goes to the next entry.</summary>
        public bool MoveNext()
        {
            if (_left == 0) return false;
            _left--;
            bool read = TryReadBytes(ref _rest, out ReadOnlySpan<byte> entry);
            System.Diagnostics.Debug.Assert(read, "checked when the message was read");
            Current = entry;
            return true;
        }
    }
}
