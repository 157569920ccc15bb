using System.Buffers;
using System.Text;

namespace Automerge.Operations;

/// <summary>Map keys and mark names of an op set, each once: documents repeat them in every object.</summary>
/// <remarks>One owner, one thread.</remarks>
internal sealed class NameTable
{
    // Up to this many names a search through all is faster than a table, which most documents need not pay for.
    private const int NamesWithoutTable = 12;

    private readonly List<(byte[] Utf8, string? Text)> _names = new(2);
    private Dictionary<byte[], int>? _numbers;

    public int Count => _names.Count;

    public long MemoryBytes { get; private set; } = 200;

    /// <summary>The number of a name, or -1.</summary>
    public int Find(ReadOnlySpan<byte> utf8)
    {
        if (_numbers is not null) return _numbers.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(utf8, out int number) ? number : -1;
        for (int i = 0; i < _names.Count; i++)
        {
            if (utf8.SequenceEqual(_names[i].Utf8)) return i;
        }

        return -1;
    }

    /// <summary>The number of a name, or -1.</summary>
    public int Find(string text)
    {
        int length = Encoding.UTF8.GetMaxByteCount(text.Length);
        byte[]? rented = length > 256 ? ArrayPool<byte>.Shared.Rent(length) : null;
        Span<byte> utf8 = rented ?? stackalloc byte[256];
        int number = Find(utf8[..Encoding.UTF8.GetBytes(text, utf8)]);
        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        return number;
    }

    /// <summary>The number of a name, which is remembered if it is new.</summary>
    public int Intern(ReadOnlySpan<byte> utf8)
    {
        int number = Find(utf8);
        if (number >= 0) return number;
        byte[] bytes = utf8.ToArray();
        number = _names.Count;
        _names.Add((bytes, null));
        if (_numbers is not null) _numbers.Add(bytes, number);
        else if (_names.Count > NamesWithoutTable) MakeTable();
        MemoryBytes += 100 + bytes.Length;
        return number;
    }

    /// <summary>Forgets the names that came after the first <paramref name="count"/>: a refused change's, which nothing uses.</summary>
    public void Truncate(int count)
    {
        for (int number = count; number < _names.Count; number++)
        {
            byte[] utf8 = _names[number].Utf8;
            _numbers?.Remove(utf8);
            MemoryBytes -= 100 + utf8.Length;
        }

        _names.RemoveRange(count, _names.Count - count);
    }

    public ReadOnlySpan<byte> Utf8(int number) => _names[number].Utf8;

    public string Text(int number)
    {
        (byte[] utf8, string? text) = _names[number];
        if (text is not null) return text;
        text = Encoding.UTF8.GetString(utf8);
        _names[number] = (utf8, text);
        return text;
    }

    /// <summary>Byte order, which is that of map keys.</summary>
    public int Compare(int left, int right) => left == right ? 0 : Utf8(left).SequenceCompareTo(Utf8(right));

    private void MakeTable()
    {
        _numbers = new Dictionary<byte[], int>(2 * _names.Count, ByBytes.Instance);
        for (int i = 0; i < _names.Count; i++) _numbers.Add(_names[i].Utf8, i);
    }

    private sealed class ByBytes : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static readonly ByBytes Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        // Seeded per process by the framework, so keys cannot be ground to collide.
        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            HashCode hash = default;
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }
    }
}
