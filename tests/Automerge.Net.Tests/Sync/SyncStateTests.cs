using System.Buffers;
using Automerge.Sync;

namespace Automerge.Tests.Sync;

public class SyncStateTests
{
    [Fact]
    public void Encode_of_a_new_state_is_two_bytes()
    {
        ArrayBufferWriter<byte> output = new();
        new SyncState().Encode(output);
        Assert.Equal([0x43, 0], output.WrittenSpan.ToArray());
        Assert.True(SyncState.TryDecode(output.WrittenSpan, out SyncState? state));
        Assert.True(state!.SharedHeads.IsEmpty);
    }

    [Fact]
    public void TryDecode_refuses_what_is_cut_too_long_or_something_else()
    {
        byte[] good = [0x43, 2, .. new byte[32], .. Enumerable.Repeat((byte)9, 32)];
        Assert.True(SyncState.TryDecode(good, out SyncState? state));
        Assert.Equal(2, state!.SharedHeads.Length);
        for (int length = 0; length < good.Length; length++) Assert.False(SyncState.TryDecode(good.AsSpan(0, length), out _));
        Assert.False(SyncState.TryDecode([.. good, 0], out _));
        Assert.False(SyncState.TryDecode([0x42, 0], out _));
    }

    [Fact]
    public void MemoryBytes_of_a_new_state_is_what_the_collector_counts()
    {
        GC.KeepAlive(new SyncState());
        long before = GC.GetAllocatedBytesForCurrentThread();
        SyncState state = new();
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(bytes, state.MemoryBytes);
    }
}
