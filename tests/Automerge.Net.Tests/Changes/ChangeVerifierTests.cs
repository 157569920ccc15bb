using Automerge.Changes;
using Automerge.Columns;
using Automerge.Format;

namespace Automerge.Tests.Changes;

public class ChangeVerifierTests
{
    [Fact]
    public void Verify_change_with_every_column_is_accepted()
    {
        byte[] bytes = TestChanges.Rich().Encode(out ChangeHash hash);
        ChangeVerdict verdict = ChangeVerifier.Verify(bytes, ChangeLimits.Default, out ChangeHeader header);
        Assert.True(verdict.IsOk, verdict.ToString());
        Assert.Equal(hash, header.Hash);
        Assert.Equal(2, header.ActorCount);
        Assert.Equal(116u, header.MaxOp);
        Assert.Equal(bytes, Change.Decode(bytes).Encode(out _));
    }

    [Fact]
    public void Verify_accepted_change_allocates_nothing()
    {
        byte[] bytes = TestChanges.Rich().Encode(out _);
        for (int i = 0; i < 100; i++) ChangeVerifier.Verify(bytes, ChangeLimits.Default, out _);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) ChangeVerifier.Verify(bytes, ChangeLimits.Default, out _);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    // A document holds differences of times: further apart they could not be written back.
    [Theory]
    [InlineData(1L << 61, true)]
    [InlineData(-(1L << 61), true)]
    [InlineData((1L << 61) + 1, false)]
    [InlineData(long.MinValue, false)]
    [InlineData(long.MaxValue, false)]
    public void Verify_time_that_no_clock_shows_is_refused(long time, bool accepted)
    {
        byte[] bytes = new Change { Actor = new ActorId([1]), Seq = 1, StartOp = 1, Time = time }.Encode(out _);
        Assert.Equal(accepted, ChangeVerifier.Verify(bytes, ChangeLimits.Default, out _).IsOk);
    }

    [Fact]
    public void Verify_truncated_at_every_byte_is_refused()
    {
        byte[] bytes = TestChanges.Rich().Encode(out _);
        for (int length = 0; length < bytes.Length; length++)
            Assert.Equal(ChangeFault.Chunk, ChangeVerifier.Verify(bytes.AsSpan(0, length), ChangeLimits.Default, out _).Fault);
    }

    [Fact]
    public void Verify_every_byte_flipped_is_refused()
    {
        byte[] bytes = TestChanges.Rich().Encode(out _);
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            byte[] damaged = (byte[])bytes.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(ChangeVerifier.Verify(damaged, ChangeLimits.Default, out _).IsOk, $"bit {bit}");
        }
    }

    // The heart of rule 2: whatever is accepted is what we would write. The checksum is made right again.
    [Fact]
    public void Verify_every_byte_set_to_every_value_accepts_only_canonical_changes()
    {
        byte[] bytes = TestChanges.Rich().Encode(out _);
        int accepted = 0;
        for (int i = ChunkReader.TypeOffset + 3; i < bytes.Length; i++)
        {
            for (int value = 0; value < 256; value++)
            {
                byte[] damaged = (byte[])bytes.Clone();
                damaged[i] = (byte)value;
                ChunkWriter.Seal(damaged);
                if (!ChangeVerifier.Verify(damaged, ChangeLimits.Default, out _).IsOk) continue;
                accepted++;
                Assert.Equal(damaged, Change.Decode(damaged).Encode(out _));
            }
        }

        Assert.True(accepted > bytes.Length, "hardly anything was accepted: the test proves nothing");
    }

    [Theory]
    [InlineData(0x42, "run of 1", new byte[] { 0x01, 0x01 }, ChangeFault.Column)]
    [InlineData(0x42, "overlong leb", new byte[] { 0xff, 0x7f, 0x01 }, ChangeFault.Column)]
    [InlineData(0x42, "overlong value", new byte[] { 0x7f, 0x81, 0x00 }, ChangeFault.Column)]
    [InlineData(0x42, "action 8", new byte[] { 0x7f, 0x08 }, ChangeFault.Shape)]
    [InlineData(0x42, "surplus rows", new byte[] { 0x02, 0x01 }, ChangeFault.NotCanonical)]
    [InlineData(0x42, "2^40 rows", new byte[] { 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x01 }, ChangeFault.Column)]
    [InlineData(0x34, "empty boolean", new byte[] { 0x00 }, ChangeFault.Column)]
    [InlineData(0x34, "surplus booleans", new byte[] { 0x02 }, ChangeFault.NotCanonical)]
    [InlineData(0x01, "all nulls", new byte[] { 0x00, 0x01 }, ChangeFault.Column)]
    [InlineData(0x13, "key counter beside key string", new byte[] { 0x7f, 0x01 }, ChangeFault.Shape)]
    [InlineData(0x15, "key as run of 1", new byte[] { 0x01, 0x01, 0x6b }, ChangeFault.Column)]
    [InlineData(0x15, "not UTF-8", new byte[] { 0x7f, 0x01, 0xff }, ChangeFault.Column)]
    [InlineData(0x56, "null with a length", new byte[] { 0x7f, 0x10 }, ChangeFault.NotCanonical)]
    [InlineData(0x56, "shorter value", new byte[] { 0x7f, 0x04 }, ChangeFault.NotCanonical)]
    [InlineData(0x57, "overlong number", new byte[] { 0x81, 0x00 }, ChangeFault.NotCanonical)]
    [InlineData(0x57, "leftover value byte", new byte[] { 0x01, 0x00 }, ChangeFault.NotCanonical)]
    [InlineData(0x94, "expand all false", new byte[] { 0x01 }, ChangeFault.NotCanonical)]
    [InlineData(0x94, "expand without mark", new byte[] { 0x00, 0x01 }, ChangeFault.Shape)]
    [InlineData(0xa5, "mark name without mark", new byte[] { 0x7f, 0x01, 0x6b }, ChangeFault.Shape)]
    [InlineData(0x71, "predecessor actor without predecessors", new byte[] { 0x7f, 0x00 }, ChangeFault.NotCanonical)]
    [InlineData(0x62, "unknown column", new byte[] { 0x7f, 0x00 }, ChangeFault.NotCanonical)]
    [InlineData(0x4a, "deflated column", new byte[] { 0x7f, 0x00 }, ChangeFault.Column)]
    [InlineData(0x02, "listed without bytes", new byte[0], ChangeFault.NotCanonical)]
    public void Verify_change_with_a_wrong_column_is_refused(int spec, string what, byte[] data, ChangeFault expected)
    {
        ChangeVerdict verdict = ChangeVerifier.Verify(WithColumn((uint)spec, data), ChangeLimits.Default, out _);
        Assert.Equal((what, expected), (what, verdict.Fault));
    }

    [Fact]
    public void Verify_change_with_columns_put_together_by_hand_is_accepted() =>
        Assert.Equal(ChangeVerdict.Ok, ChangeVerifier.Verify(WithColumn(0x42, [0x7f, 0x01]), ChangeLimits.Default, out _));

    [Fact]
    public void Verify_same_column_twice_is_refused() =>
        Assert.Equal(ChangeFault.NotCanonical, ChangeVerifier.Verify(Assemble([.. Columns(), (0x70u, new byte[] { 0x7f, 0x00 })]), ChangeLimits.Default, out _).Fault);

    [Fact]
    public void Verify_unused_or_unsorted_actor_is_refused()
    {
        byte[] one = Assemble(Columns(), [0x01, 0x01, 0x55]);
        Assert.Equal(ChangeFault.NotCanonical, ChangeVerifier.Verify(one, ChangeLimits.Default, out _).Fault);
        byte[] two = Assemble(Columns(), [0x02, 0x01, 0x55, 0x01, 0x44]);
        Assert.Equal(ChangeFault.NotCanonical, ChangeVerifier.Verify(two, ChangeLimits.Default, out _).Fault);
    }

    [Fact]
    public void Verify_claims_beyond_limits_are_refused()
    {
        byte[] bytes = TestChanges.Rich().Encode(out _);
        Assert.Equal(ChangeFault.Column, ChangeVerifier.Verify(bytes, new ChangeLimits { MaxOps = 16 }, out _).Fault);
        Assert.Equal(ChangeFault.Limit, ChangeVerifier.Verify(bytes, new ChangeLimits { MaxDeps = 1 }, out _).Fault);
        Assert.Equal(ChangeFault.Limit, ChangeVerifier.Verify(bytes, new ChangeLimits { MaxActorBytes = 15 }, out _).Fault);
        Assert.Equal(ChangeFault.Limit, ChangeVerifier.Verify(bytes, new ChangeLimits { MaxOtherActors = 0 }, out _).Fault);
    }

    [Fact]
    public void Verify_claim_of_many_rows_in_few_bytes_is_decided_without_walking_them()
    {
        // 16 Mi deletes of consecutive elements: legal in form, 60 bytes. Decided in steps of runs, not rows.
        int count = ChangeLimits.Default.MaxOps;
        Span<byte> run = stackalloc byte[Leb128.MaxLength];
        byte[] Run(params byte[] value)
        {
            Span<byte> length = stackalloc byte[Leb128.MaxLength];
            return [.. length[..Leb128.WriteSigned(length, count)], .. value];
        }

        byte[] unsigned = run[..Leb128.WriteUnsigned(run, (ulong)count)].ToArray();
        byte[] bytes = Assemble(
            [(0x01u, Run(0)), (0x02u, Run(1)), (0x11u, Run(0)), (0x13u, Run(1)), (0x34u, unsigned), (0x42u, Run(3)), (0x56u, Run(0)), (0x70u, Run(1)), (0x71u, Run(0)), (0x73u, Run(1))],
            startOp: [0x80, 0x80, 0x80, 0x10]);
        ChangeVerdict verdict = ChangeVerifier.Verify(bytes, ChangeLimits.Default, out ChangeHeader header);
        Assert.True(verdict.IsOk, verdict.ToString());
        Assert.Equal((uint)count, header.OpCount);
    }

    // { k: 1 } by actor 55…: what the wrong columns replace or join.
    private static (uint Spec, byte[] Data)[] Columns() =>
    [
        (0x15, [0x7f, 0x01, 0x6b]), (0x34, [0x01]), (0x42, [0x7f, 0x01]), (0x56, [0x7f, 0x14]), (0x57, [0x01]), (0x70, [0x7f, 0x00]),
    ];

    private static byte[] WithColumn(uint spec, byte[] data) =>
        Assemble([.. Columns().Where(column => column.Spec != spec).Append((spec, data)).OrderBy(column => column.Item1)]);

    private static byte[] Assemble((uint Spec, byte[] Data)[] columns, byte[]? otherActors = null, byte[]? startOp = null)
    {
        using PooledBuffer body = new();
        body.WriteByte(0);                                   // no deps
        body.WritePrefixed([0x77, 0x77]);                    // actor
        body.WriteByte(1);                                   // seq
        body.WriteBytes(startOp ?? [1]);
        body.WriteByte(0);                                   // time
        body.WriteByte(0);                                   // message
        body.WriteBytes(otherActors ?? [0]);
        body.WriteUnsigned((ulong)columns.Length);
        foreach ((uint spec, byte[] data) in columns)
        {
            body.WriteUnsigned(spec);
            body.WriteUnsigned((ulong)data.Length);
        }

        foreach ((_, byte[] data) in columns) body.WriteBytes(data);
        byte[] chunk = new byte[ChunkWriter.HeaderLength(body.Length) + body.Length];
        int header = ChunkWriter.WriteHeader(chunk, ChunkType.Change, body.Length);
        body.Written.CopyTo(chunk.AsSpan(header));
        ChunkWriter.Seal(chunk);
        return chunk;
    }
}
