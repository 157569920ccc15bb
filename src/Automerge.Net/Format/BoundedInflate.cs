using System.IO.Compression;
using Automerge.Columns;

namespace Automerge.Format;

/// <summary>Inflates raw DEFLATE of untrusted origin: never more than the caller allows, never less than all of the input.</summary>
/// <remarks>Pure functions; safe on any thread. DEFLATE itself bounds the ratio to 1,032.</remarks>
internal static class BoundedInflate
{
    /// <summary>64 MiB: far above any column seen (10 MB), far below what hurts.</summary>
    public const int DefaultMaxBytes = 64 << 20;

    private const int BlockLength = 64 << 10;

    /// <summary>Appends the inflated bytes to <paramref name="output"/>; on failure what was appended is undefined.</summary>
    public static unsafe ChunkError TryInflate(ReadOnlySpan<byte> deflated, int maxBytes, PooledBuffer output)
    {
        fixed (byte* first = deflated)
        {
            using ExactSource source = new(first, deflated.Length);
            using DeflateStream inflater = new(source, CompressionMode.Decompress);
            int limit = Math.Min(maxBytes, PooledBuffer.DefaultLengthMax / 2);
            try
            {
                while (true)
                {
                    // One byte more than allowed is asked for, so that "exactly the limit" and "too much" differ.
                    Span<byte> space = output.GetSpan(Math.Min(BlockLength, limit + 1));
                    if (space.Length > limit + 1) space = space[..(limit + 1)];
                    int count = inflater.Read(space);
                    if (count == 0) break;
                    if (count > limit) return ChunkError.InflatesTooLarge;
                    output.Advance(count);
                    limit -= count;
                }
            }
            catch (InvalidDataException)
            {
                return ChunkError.BadDeflate;
            }

            if (source.AskedBeyondEnd) return ChunkError.BadDeflate;      // the stream was cut
            return source.AllTaken ? ChunkError.None : ChunkError.LeftoverAfterDeflate;
        }
    }

    /// <summary>
    /// Hands out the last byte alone. A complete stream needs a bit of its last byte, so an inflater that stops before
    /// asking for it has found its end earlier: what follows is garbage. One that asks again was cut short.
    /// </summary>
    private sealed unsafe class ExactSource(byte* first, int length) : Stream
    {
        private int _position;

        public bool AllTaken => _position == length;

        public bool AskedBeyondEnd { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            if (_position == length)
            {
                AskedBeyondEnd = true;
                return 0;
            }

            int count = _position < length - 1 ? Math.Min(buffer.Length, length - 1 - _position) : 1;
            new ReadOnlySpan<byte>(first + _position, count).CopyTo(buffer);
            _position += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
