using Automerge.Changes;
using Automerge.Columns;
using Automerge.Format;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Format;

public class ChunkReaderVectorTests
{
    // V1 sync message: 42 | heads | need | have | changes, each a chunk with a length before it.
    [Fact]
    public void TryRead_changes_of_a_slow_sync_message_are_chunks_that_verify()
    {
        ReadOnlySpan<byte> message = VectorFiles.ReadThirdParty("bench/slowSyncMessage.amrgsync");
        int expected = VectorFiles.Manifest("bench/slowSyncMessage.amrgsync").GetProperty("changes").GetInt32();
        Assert.Equal(0x42, message[0]);
        message = message[1..];
        SkipHashes(ref message);
        SkipHashes(ref message);
        Assert.True(Leb128.TryReadUInt32(ref message, out uint haves));
        for (uint i = 0; i < haves; i++)
        {
            SkipHashes(ref message);
            Assert.True(ChangeHeader.TryReadPrefixed(ref message, out _));
        }

        Assert.True(Leb128.TryReadUInt32(ref message, out uint count));
        Assert.Equal(expected, (int)count);
        for (uint i = 0; i < count; i++)
        {
            Assert.True(ChangeHeader.TryReadPrefixed(ref message, out ReadOnlySpan<byte> bytes));
            Assert.True(ChunkReader.TryRead(bytes, out Chunk chunk, out ChunkError error), error.Describe());
            Assert.Equal(bytes.Length, chunk.Length);
            System.Buffers.ArrayBufferWriter<byte> plain = new();
            if (chunk.Type == ChunkType.CompressedChange)
            {
                Assert.True(CompressedChange.TryInflate(chunk, CompressedChange.DefaultMaxInflatedBytes, plain, out error), error.Describe());
                bytes = plain.WrittenSpan;
            }

            ChangeVerdict verdict = ChangeVerifier.Verify(bytes, ChangeLimits.Default, out _);
            Assert.True(verdict.IsOk, $"change {i}: {verdict}");
        }
    }

    private static void SkipHashes(ref ReadOnlySpan<byte> message)
    {
        Assert.True(Leb128.TryReadUInt32(ref message, out uint count));
        message = message[((int)count * ChangeHash.Size)..];
    }
}
