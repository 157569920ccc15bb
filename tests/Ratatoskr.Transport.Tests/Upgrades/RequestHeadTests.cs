using System.Buffers;
using System.Text;
using Ratatoskr.Transport.Upgrades;

namespace Ratatoskr.Transport.Tests.Upgrades;

public sealed class RequestHeadTests
{
    private const int LengthMax = 1000;

    [Theory]
    [InlineData("GET /x HTTP/1.1\r\nHost: x\r\n\r\n", 0)]
    [InlineData("GET /x HTTP/1.1\nHost: x\n\n", 0)]
    [InlineData("GET /x HTTP/1.1\r\nHost: x\n\r\n", 0)]
    [InlineData("POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 3)]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 6)]
    public void Is_finished_by_an_empty_line_wherever_it_is_cut(string request, int behind)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(request);
        for (int length = 1; length <= bytes.Length; length++)
        {
            for (int seen = 0; seen < length; seen++)
            {
                bool isUnfinished = length < bytes.Length - behind;
                if (seen >= bytes.Length - behind) continue;            // it was finished before
                Assert.Equal(isUnfinished, RequestHead.IsUnfinished(InTwo(bytes.AsMemory(0, length), seen), seen, LengthMax));
            }
        }
    }

    [Theory]
    [InlineData("\u0016\u0003\u0001")]
    [InlineData("get / HTTP/1.1")]
    [InlineData("\r\nGET / HTTP/1.1")]
    [InlineData(" ")]
    public void What_cannot_be_a_request_is_not_waited_for(string beginning) =>
        Assert.False(RequestHead.IsUnfinished(new ReadOnlySequence<byte>(Encoding.ASCII.GetBytes(beginning)), 0, LengthMax));

    [Fact]
    public void A_long_one_is_not_waited_for()
    {
        byte[] bytes = Encoding.ASCII.GetBytes("GET /" + new string('x', LengthMax));
        Assert.True(RequestHead.IsUnfinished(new ReadOnlySequence<byte>(bytes, 0, LengthMax - 1), 0, LengthMax));
        Assert.False(RequestHead.IsUnfinished(new ReadOnlySequence<byte>(bytes, 0, LengthMax), 0, LengthMax));
    }

    private static ReadOnlySequence<byte> InTwo(ReadOnlyMemory<byte> bytes, int at)
    {
        Segment first = new(bytes[..at], 0);
        Segment second = first.Then(bytes[at..]);
        return new ReadOnlySequence<byte>(first, 0, second, second.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> bytes, long before) => (Memory, RunningIndex) = (bytes, before);

        public Segment Then(ReadOnlyMemory<byte> bytes)
        {
            Segment next = new(bytes, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
