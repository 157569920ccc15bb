using System.Runtime.InteropServices;
using Ratatoskr.Storage.Faster.Devices;

namespace Ratatoskr.Storage.Tests.Faster;

/// <summary>The journal's files: written when the call returns, by the caller.</summary>
public sealed unsafe class JournalDeviceTests : IDisposable
{
    private const int SegmentBytes = 1 << 20;
    private const int Sector = 512;

    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-journal-").FullName;
    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(2 * Sector, Sector);
    private readonly JournalDevice _device;

    public JournalDeviceTests()
    {
        _device = new JournalDevice(Path.Combine(_folder, "journal"));
        _device.Initialize(SegmentBytes);
    }

    public void Dispose()
    {
        _device.Dispose();
        NativeMemory.AlignedFree(_memory);
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Bytes_are_in_their_segment_when_the_call_returns_and_are_read_back()
    {
        Assert.Equal(0u, Write(segment: 2, offset: Sector, filledWith: 7));
        byte[] file = File.ReadAllBytes(Path.Combine(_folder, "journal.2"));
        Assert.Equal(2 * Sector, file.Length);
        Assert.All(file[Sector..], static each => Assert.Equal(7, each));

        using ManualResetEventSlim answered = new();
        _device.ReadAsync(2, Sector, (nint)(_memory + Sector), Sector, (_, _, _) => answered.Set(), null!);
        answered.Wait(TestContext.Current.CancellationToken);
        Assert.True(new ReadOnlySpan<byte>(_memory + Sector, Sector).SequenceEqual(file.AsSpan(Sector)));
    }

    [Fact]
    public void Removed_segment_is_gone_and_can_be_written_anew()
    {
        Write(segment: 0, offset: 0, filledWith: 1);
        Write(segment: 1, offset: 0, filledWith: 1);
        _device.RemoveSegment(0);
        Assert.Equal(["journal.1"], Directory.GetFiles(_folder).Select(Path.GetFileName));
        Assert.Equal(0u, Write(segment: 0, offset: 0, filledWith: 3));
        Assert.Equal(3, File.ReadAllBytes(Path.Combine(_folder, "journal.0"))[0]);
    }

    [Fact]
    public void Write_that_fails_is_answered_with_an_error()
    {
        Directory.Delete(_folder, recursive: true);
        Assert.NotEqual(0u, Write(segment: 0, offset: 0, filledWith: 1));
    }

    // The error code of a write of one sector.
    private uint Write(int segment, ulong offset, byte filledWith)
    {
        new Span<byte>(_memory, Sector).Fill(filledWith);
        uint? answer = null;
        _device.WriteAsync((nint)_memory, segment, offset, Sector, (error, bytes, _) =>
        {
            Assert.Equal(error == 0 ? Sector : 0u, bytes);
            answer = error;
        }, null!);
        return Assert.NotNull(answer);
    }
}
