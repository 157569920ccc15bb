using System.Buffers;
using Automerge.Changes;
using Automerge.Sync;
using Automerge.Tests.Changes;

namespace Automerge.Tests.Sync;

public class SyncMessageReaderTests
{
    [Fact]
    public void TryRead_of_the_smallest_message_is_an_empty_request()
    {
        SyncMessageReader message = Read("42 00 00 01 00 00 00 02 02 84");
        Assert.Equal(SyncVersion.V1, message.Version);
        Assert.Equal((0, 0, 1, 0), (message.Heads.Length, message.Need.Length, message.HaveCount, message.ChangeCount));
        Assert.Equal((true, SyncFlags.SupportsSyncReset), (message.HasFlags, message.Flags));
        foreach (SyncMessageReader.HaveEntry have in message.Have) Assert.True(have.LastSync.IsEmpty && have.Bloom.IsEmpty);
    }

    [Theory]
    [InlineData("43 00 00 00 00", false, SyncFlags.None)]
    [InlineData("43 00 00 00 00 02 01 02", true, SyncFlags.None)]
    [InlineData("43 00 00 00 00 01 02", true, SyncFlags.None)]
    [InlineData("43 00 00 00 00 00", true, SyncFlags.None)]
    [InlineData("43 00 00 00 00 02 02 86", true, SyncFlags.SupportsSyncReset | SyncFlags.ReadOnly)]
    [InlineData("43 00 00 00 00 03 02 81 84 ff ff", true, SyncFlags.SupportsSyncReset | SyncFlags.SyncReset)]
    public void TryRead_takes_flags_of_every_age_and_ignores_what_follows(string hex, bool hasFlags, SyncFlags flags)
    {
        SyncMessageReader message = Read(hex);
        Assert.Equal((hasFlags, flags), (message.HasFlags, message.Flags));
    }

    [Fact]
    public void Changes_are_cut_at_their_lengths_in_both_versions()
    {
        foreach (string version in (string[])["42", "43"])
        {
            SyncMessageReader message = Read(version + " 00 00 00 03 02 aa bb 00 01 cc 02 02 84");
            List<string> entries = [];
            foreach (ReadOnlySpan<byte> entry in message.Changes) entries.Add(Convert.ToHexStringLower(entry));
            Assert.Equal(["aabb", "", "cc"], entries);
        }
    }

    [Fact]
    public void TryRead_cut_anywhere_is_refused_or_has_lost_only_its_flags()
    {
        byte[] bytes = Sample();
        for (int length = 0; length < bytes.Length; length++)
        {
            bool read = SyncMessageReader.TryRead(bytes.AsSpan(0, length), out SyncMessageReader message, out string? error);
            Assert.Equal(length == bytes.Length - 3, read);
            if (read) Assert.False(message.HasFlags);
            else Assert.False(string.IsNullOrEmpty(error));
        }
    }

    [Fact]
    public void TryRead_of_damaged_messages_never_fails_later()
    {
        byte[] good = Sample();
        Random random = new(8);
        ChangeHash hash = GraphMaker.Hash(3);
        for (int i = 0; i < 100_000; i++)
        {
            byte[] bytes = [.. good];
            for (int change = random.Next(1, 4); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (!SyncMessageReader.TryRead(bytes, out SyncMessageReader message, out _)) continue;
            int total = 0;
            foreach (SyncMessageReader.HaveEntry have in message.Have) total += have.LastSync.Length + (have.Bloom.Contains(hash) ? 1 : 0);
            foreach (ReadOnlySpan<byte> entry in message.Changes) total += entry.Length;
            Assert.InRange(total, 0, bytes.Length);
        }
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("44 00 00 00 00", "42 or 43")]
    [InlineData("42 ff ff ff ff 0f 00 00 00", "heads")]
    [InlineData("42 ff ff ff ff ff ff ff ff ff 01 00 00", "heads")]
    [InlineData("42 00 80 80 80 80 01 00 00", "need")]
    [InlineData("42 00 80 00 00 00", "need")]                                         // overlong
    [InlineData("42 00 00 ff ff ff 07 00 00", "too many entries")]
    [InlineData("42 00 00 01 00 ff ff ff ff 0f 00", "have")]
    [InlineData("42 00 00 00 ff ff ff ff 0f", "changes")]
    [InlineData("42 00 00 00 01 ff ff ff ff 0f", "changes")]
    [InlineData("42 00 00 00 00 05 02", "flags")]
    [InlineData("42 00 00 01 00 04 01 00 07 00 00", "Bloom")]                         // no bits for an entry
    [InlineData("42 00 00 01 00 03 01 00 07 00", "Bloom")]                            // entries without bits: nothing to divide by
    [InlineData("42 00 00 01 00 05 01 0a 21 00 00 00", "Bloom")]                      // 33 probes
    [InlineData("42 00 00 01 00 05 01 0a 00 00 00 00", "Bloom")]                      // no probes: all would seem to be there
    [InlineData("42 00 00 01 00 04 01 41 07 00 00", "Bloom")]                         // 65 bits
    [InlineData("42 00 00 01 00 09 ff ff ff ff 0f 0a 07 00 00 00", "Bloom")]          // entries beyond the bytes
    [InlineData("42 00 00 01 00 0c ff ff ff ff ff ff ff ff ff 01 0a 07 00", "Bloom")]
    public void TryRead_of_hostile_lists_says_what_is_wrong(string hex, string what)
    {
        byte[] bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        Assert.False(SyncMessageReader.TryRead(bytes, out _, out string? error));
        Assert.Contains(what, error, StringComparison.Ordinal);
    }

    [Fact]
    public void TryRead_allocates_nothing()
    {
        byte[] bytes = Sample();
        ChangeHash hash = GraphMaker.Hash(5);
        int found = 0;
        for (int round = 0; round < 3; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++)
            {
                SyncMessageReader.TryRead(bytes, out SyncMessageReader message, out _);
                foreach (SyncMessageReader.HaveEntry have in message.Have) found += have.Bloom.Contains(hash) ? 1 : 0;
                foreach (ReadOnlySpan<byte> entry in message.Changes) found += entry.Length;
            }

            if (round == 2) Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.True(found > 0);
    }

    [Fact]
    public void Bloom_contains_all_its_hashes_and_few_others()
    {
        GraphMaker maker = new(3);
        for (int i = 0; i < 2000; i++) maker.Add(i);
        int[] rows = [.. Enumerable.Range(0, 1000)];
        ArrayBufferWriter<byte> output = new();
        BloomFilter.Write(output, maker.Graph, rows);
        Assert.Equal(BloomFilter.EncodedLength(rows.Length), output.WrittenCount);
        Assert.True(BloomFilter.TryRead(output.WrittenSpan, out BloomFilter filter));
        int wrong = 0;
        for (int row = 0; row < 2000; row++)
        {
            bool contained = filter.Contains(maker.Graph.HashAt(row));
            if (row < 1000) Assert.True(contained);
            else if (contained) wrong++;
        }

        Assert.InRange(wrong, 0, 40);                   // 1 % expected
    }

    private static SyncMessageReader Read(string hex)
    {
        byte[] bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        Assert.True(SyncMessageReader.TryRead(bytes, out SyncMessageReader message, out string? error), error);
        return message;
    }

    private static byte[] Sample()
    {
        GraphMaker maker = new(1);
        for (int i = 0; i < 20; i++) maker.Grow(3, 5);
        ArrayBufferWriter<byte> output = new();
        SyncMessageWriter writer = new(output);
        writer.WriteVersion(SyncVersion.V2);
        writer.WriteHashes(maker.Graph.Heads);
        writer.WriteHashes([GraphMaker.Hash(70), GraphMaker.Hash(71)]);
        writer.WriteCount(2);
        writer.WriteHave([maker.Graph.HashAt(2)], maker.Graph, [3, 4, 5, 6]);
        writer.WriteHave([], maker.Graph, []);
        writer.WriteCount(2);
        writer.WriteEntry(new byte[300]);
        writer.WriteEntry([1, 2, 3]);
        writer.WriteFlags(SyncFlags.SupportsSyncReset);
        return output.WrittenSpan.ToArray();
    }
}
