using System.IO.Compression;
using Automerge.Columns;

namespace Automerge.Format;

/// <summary>
/// Compresses with raw DEFLATE as Automerge does: level 6, in one go. Nine of ten columns come out as the very bytes of 3.5.0 (zlib-rs there, zlib-ng here), the others
/// as long but for a few bytes.
/// </summary>
/// <remarks>Pure functions; safe on any thread.</remarks>
internal static class RawDeflate
{
    private static readonly ZLibCompressionOptions Options = new() { CompressionLevel = 6 };

    /// <summary>Appends the compressed bytes to <paramref name="output"/>.</summary>
    public static void Append(ReadOnlySpan<byte> bytes, PooledBuffer output)
    {
        using DeflateStream deflater = new(new BufferStream(output), Options);
        deflater.Write(bytes);
    }

    private sealed class BufferStream(PooledBuffer output) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Write(ReadOnlySpan<byte> buffer) => output.WriteBytes(buffer);

        public override void Write(byte[] buffer, int offset, int count) => output.WriteBytes(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
