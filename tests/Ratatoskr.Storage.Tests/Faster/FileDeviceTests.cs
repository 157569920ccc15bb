using System.Runtime.InteropServices;
using Ratatoskr.Storage.Faster.Devices;

namespace Ratatoskr.Storage.Tests.Faster;

/// <summary>The files behind FASTER's logs: what is in memory is read at once, the rest by other threads, and a write is there when it is answered.</summary>
public sealed unsafe class FileDeviceTests : IDisposable
{
    private const int SegmentBytes = 1 << 20;
    private const int Sector = 512;

    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-device-").FullName;
    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(2 * Sector, Sector);
    private readonly FileDevice _device;

    public FileDeviceTests()
    {
        _device = new FileDevice(Path.Combine(_folder, "table"));
        _device.Initialize(SegmentBytes);
    }

    public void Dispose()
    {
        _device.Dispose();
        NativeMemory.AlignedFree(_memory);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void What_was_written_is_read_back()
    {
        Assert.Equal((0u, (uint)Sector), Write(segment: 3, offset: Sector, filledWith: 7));
        Assert.Equal(2 * Sector, new FileInfo(Path.Combine(_folder, "table.3")).Length);
        Assert.Equal((0u, (uint)Sector), Read(segment: 3, offset: Sector, _memory + Sector));
        Assert.True(new ReadOnlySpan<byte>(_memory, Sector).SequenceEqual(new ReadOnlySpan<byte>(_memory + Sector, Sector)));
    }

    [Fact]
    public void Read_behind_the_end_gives_what_there_is()
    {
        Write(segment: 0, offset: 0, filledWith: 7);
        Assert.Equal((0u, 0u), Read(segment: 0, offset: Sector, _memory));
        using FileStream file = File.Open(Path.Combine(_folder, "table.0"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength(100);
        Assert.Equal((0u, 100u), Read(segment: 0, offset: 0, _memory));
    }

    [Fact]
    public void Segment_that_is_not_there_reads_as_empty_and_is_not_made()
    {
        Assert.Equal((0u, 0u), Read(segment: 5, offset: 0, _memory));
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public void Chain_of_reads_in_memory_is_as_long_as_it_likes()
    {
        const int links = 100_000;
        Write(segment: 0, offset: 0, filledWith: 7);
        using ManualResetEventSlim ended = new();
        int left = links;
        Next();
        ended.Wait(TestContext.Current.CancellationToken);
        Assert.Equal(0, left);

        // As FASTER follows records that are not the one it looks for: the next is read from the answer to the one before.
        void Next() => _device.ReadAsync(0, 0, (nint)_memory, Sector, (_, _, _) =>
        {
            if (--left > 0) Next();
            else ended.Set();
        }, null!);
    }

    [Fact]
    public void Disposal_waits_for_writes()
    {
        new Span<byte>(_memory, Sector).Fill(9);
        for (int i = 0; i < 100; i++) _device.WriteAsync((nint)_memory, i, 0, Sector, (_, _, _) => { }, null!);
        _device.Dispose();
        for (int i = 0; i < 100; i++) Assert.Equal(Sector, new FileInfo(Path.Combine(_folder, $"table.{i}")).Length);
    }

    [Fact]
    public void Write_that_fails_is_answered_with_an_error()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "table.0"));
        Assert.NotEqual(0u, Write(segment: 0, offset: 0, filledWith: 1).Error);
    }

    [Fact]
    public void Removed_segment_is_gone_and_can_be_written_anew()
    {
        Write(segment: 0, offset: 0, filledWith: 1);
        _device.RemoveSegment(0);
        Assert.Empty(Directory.GetFiles(_folder));
        Assert.Equal(0u, Write(segment: 0, offset: 0, filledWith: 3).Error);
        Assert.Equal(3, File.ReadAllBytes(Path.Combine(_folder, "table.0"))[0]);
    }

    private (uint Error, uint Bytes) Write(int segment, ulong offset, byte filledWith)
    {
        new Span<byte>(_memory, Sector).Fill(filledWith);
        TaskCompletionSource<(uint, uint)> answer = new();
        _device.WriteAsync((nint)_memory, segment, offset, Sector, (error, bytes, _) => answer.SetResult((error, bytes)), null!);
        return answer.Task.WaitAsync(TestContext.Current.CancellationToken).GetAwaiter().GetResult();
    }

    private (uint Error, uint Bytes) Read(int segment, ulong offset, byte* into)
    {
        TaskCompletionSource<(uint, uint)> answer = new();
        _device.ReadAsync(segment, offset, (nint)into, Sector, (error, bytes, _) => answer.SetResult((error, bytes)), null!);
        return answer.Task.WaitAsync(TestContext.Current.CancellationToken).GetAwaiter().GetResult();
    }
}
