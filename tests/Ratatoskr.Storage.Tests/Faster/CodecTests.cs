using System.Text;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Faster.Journals;
using Ratatoskr.Storage.Faster.Tables;
using Ratatoskr.Storage.Files;
using static Ratatoskr.Storage.Tests.Contract.TestDocuments;

namespace Ratatoskr.Storage.Tests.Faster;

public sealed class CodecTests
{
    [Fact]
    public void Crc32C_gives_the_published_check_value() => Assert.Equal(0xe3069283u, Crc32C.Compute("123456789"u8));

    [Fact]
    public void Crc32C_over_two_stretches_is_that_of_the_whole()
    {
        byte[] bytes = Bytes(1, 100);
        for (int cut = 0; cut <= bytes.Length; cut++) Assert.Equal(Crc32C.Compute(bytes), Crc32C.Compute(bytes.AsSpan(0, cut), bytes.AsSpan(cut)));
    }

    [Fact]
    public void SipHash13_gives_the_reference_values()
    {
        // Key 00 01 … 0f; first of the reference vectors for the empty input.
        SipHash hash = new(Enumerable.Range(0, 16).Select(i => (byte)i).ToArray());
        Assert.Equal(0xabac0158050fc4dcul, hash.Compute([]));
        Assert.NotEqual(hash.Compute([0]), hash.Compute([0, 0]));
    }

    [Fact]
    public void Journal_entry_reads_back_and_notices_any_cut_and_any_flipped_bit()
    {
        byte[] heads = Bytes(1, 64), body = Bytes(2, 50);
        byte[] output = new byte[400];
        JournalHeader header = new(EntryKind.Append, 77) { Part = 2, PartCount = 3, WholeLength = 150, Incarnation = 9, Previous = 1234 };
        int length = JournalEntry.Write(output, header, Id(5), heads, body);
        byte[] bytes = output[..length];
        Assert.True(JournalEntry.TryRead(bytes, out JournalEntry entry));
        Assert.Equal(
            (EntryKind.Append, 77ul, 2, 3, 150, 9u, 1234L, Id(5)),
            (entry.Kind, entry.Number, entry.Part, entry.PartCount, entry.WholeLength, entry.Incarnation, entry.Previous, entry.Id));
        Assert.Equal(heads, entry.Heads.ToArray());
        Assert.Equal(body, entry.Body.ToArray());
        for (int cut = 0; cut < length; cut++) Assert.False(JournalEntry.TryRead(bytes.AsSpan(0, cut), out _));
        for (int bit = 0; bit < length * 8; bit++)
        {
            byte[] flipped = [.. bytes];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(JournalEntry.TryRead(flipped, out _));
        }
    }

    [Fact]
    public void Journal_entry_with_any_flipped_bit_still_says_whose_it_is()
    {
        byte[] heads = Bytes(1, 64), body = Bytes(2, 50);
        byte[] output = new byte[400];
        int length = JournalEntry.Write(output, new JournalHeader(EntryKind.Append, 77) { Part = 2, PartCount = 3, Incarnation = 9, Previous = 1234 }, Id(5), heads, body);
        byte[] followed = [.. output[..length], .. Bytes(3, 100)];
        int headerEnd = JournalEntry.HeaderSize + Id(5).Text.Length;
        for (int bit = 0; bit < length * 8; bit++)
        {
            byte[] flipped = [.. followed];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            bool isContent = bit / 8 >= headerEnd;
            Assert.Equal(isContent || bit / 8 < 4, JournalEntry.TryReadHeader(flipped, out JournalEntry entry) && entry.Id == Id(5) && entry.Length == length);
            Assert.Equal(!isContent, JournalEntry.TryRepair(flipped));
            if (!isContent) Assert.Equal(followed, flipped);
        }
    }

    [Fact]
    public void Journal_entry_with_two_flipped_header_bits_is_not_repaired()
    {
        byte[] output = new byte[400];
        int length = JournalEntry.Write(output, new JournalHeader(EntryKind.Append, 77), Id(5), Bytes(1, 32), Bytes(2, 50));
        byte[] flipped = output[..length];
        flipped[20] ^= 5;
        byte[] before = [.. flipped];
        Assert.False(JournalEntry.TryRepair(flipped));
        Assert.Equal(before, flipped);
        Assert.False(JournalEntry.TryReadHeader(flipped, out _));
    }

    [Fact]
    public void Manifest_keeps_that_something_is_lost_until_it_is_deleted()
    {
        Manifest manifest = new();
        manifest.Append(1, 100, Bytes(1, 64), new EntryPosition(3, 1));
        manifest.Miss(2, new EntryPosition(3, 500));
        manifest.MarkDamaged(500);
        manifest.Append(3, 100, Bytes(3, 32), new EntryPosition(3, 900));
        byte[] bytes = new byte[manifest.Size];
        manifest.Write(bytes);
        Manifest read = new();
        Assert.True(read.TryRead(bytes));
        Assert.Equal((500L, 3ul, 3), (read.DamagedAt, read.LastSequence, read.TailCount));
        Assert.Equal(Bytes(3, 32), read.Heads.ToArray());
        read.Delete(1, new EntryPosition(4, 1));
        bytes = new byte[read.Size];
        Assert.Equal(Manifest.FixedSize, bytes.Length);
        read.Write(bytes);
        Assert.True(manifest.TryRead(bytes));
        Assert.Equal(0, manifest.DamagedAt);
    }

    [Fact]
    public void Manifest_reads_back_what_was_written()
    {
        Manifest manifest = new();
        for (int i = 1; i <= 10; i++) manifest.Append((ulong)i, 100, Bytes(i, 64), new EntryPosition(3, i));
        manifest.Compact(1, 7, 1000, 5000, 2001, 4, Bytes(1, 32), new EntryPosition(4, 2));
        byte[] bytes = new byte[manifest.Size];
        manifest.Write(bytes);
        Manifest read = new();
        Assert.True(read.TryRead(bytes));
        Assert.Equal(
            (StoredPresence.Present, 1ul, 7ul, 1000, 5000L, 2001L, 5ul, 10ul, 600L, new EntryPosition(4, 2), 6),
            (read.Presence, read.Version, read.Body, read.PartSize, read.ChunkLength, read.IndexLength, read.FirstSequence, read.LastSequence, read.TailBytes, read.Applied, read.TailCount));
        Assert.Equal(Bytes(1, 32), read.Heads.ToArray());
        Assert.Equal(manifest.LiveBytes(30), read.LiveBytes(30));
        for (int cut = 0; cut < bytes.Length; cut++) Assert.False(new Manifest().TryRead(bytes.AsSpan(0, cut)) && cut != Manifest.FixedSize);
    }

    [Fact]
    public void Later_incarnation_is_after_any_address_of_an_earlier_one()
    {
        Assert.True(new EntryPosition(2, 10).IsAfter(new EntryPosition(1, 99)));
        Assert.False(new EntryPosition(1, 99).IsAfter(new EntryPosition(2, 10)));
        Assert.False(new EntryPosition(1, 9).IsAfter(new EntryPosition(1, 9)));
    }

    [Fact]
    public void Sync_state_list_keeps_the_latest_within_its_bounds()
    {
        byte[] list = [];
        for (int i = 0; i < 200; i++)
        {
            byte[] output = new byte[list.Length + 3000];
            int length = SyncStateList.Replace(list, Encoding.ASCII.GetBytes($"peer {i % 150}"), Bytes(i, 2000), output);
            list = output[..length];
            Assert.InRange(list.Length, 1, SyncStateList.SizeMax);
        }

        // 64 KiB hold 32 states of 2,000 bytes.
        Assert.Equal(Bytes(199, 2000), SyncStateList.Find(list, "peer 49"u8).ToArray());
        Assert.Equal(Bytes(180, 2000), SyncStateList.Find(list, "peer 30"u8).ToArray());
        Assert.True(SyncStateList.Find(list, "peer 10"u8).IsEmpty);
        Assert.True(SyncStateList.Find(list, "nobody"u8).IsEmpty);
    }

    [Fact]
    public void Sync_state_too_large_replaces_its_elder_by_nothing()
    {
        byte[] output = new byte[200_000];
        int length = SyncStateList.Replace([], "peer"u8, Bytes(1, 100), output);
        byte[] list = output[..length];
        length = SyncStateList.Replace(list, "peer"u8, Bytes(1, 100_000), output);
        Assert.Equal(0, length);
    }
}
