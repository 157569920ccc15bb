using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core.Internal.Http;

namespace Ratatoskr.Fuzzing.Tests.Upgrades;

/// <summary>A request head as Kestrel's own parser reads it: what we take for an upgrade, a server behind or before us must read the same way.</summary>
internal sealed class PlainRequest : IHttpRequestLineHandler, IHttpHeadersHandler
{
    private readonly List<(string Name, string Value)> _headers = [];

    public string Method { get; private set; } = "";

    public string Target { get; private set; } = "";

    public string Version { get; private set; } = "";

    public IReadOnlyList<(string Name, string Value)> Headers => _headers;

    /// <returns>null: Kestrel refuses it, or wants more.</returns>
    public static PlainRequest? Read(byte[] head)
    {
        PlainRequest request = new();
        HttpParser<PlainRequest> parser = new(showErrorDetails: true);
        SequenceReader<byte> reader = new(new ReadOnlySequence<byte>(head));
        try
        {
            return parser.ParseRequestLine(request, ref reader) && parser.ParseHeaders(request, ref reader) && reader.End ? request : null;
        }
        catch (BadHttpRequestException)
        {
            return null;
        }
    }

    public void OnStartLine(HttpVersionAndMethod versionAndMethod, TargetOffsetPathLength targetPath, Span<byte> startLine)
    {
        Method = versionAndMethod.Method.ToString();
        Version = versionAndMethod.Version.ToString();
        string line = Encoding.Latin1.GetString(startLine);
        Target = line.Split(' ')[1];
    }

    public void OnHeader(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) => _headers.Add((Encoding.Latin1.GetString(name), Encoding.Latin1.GetString(value)));

    public void OnHeadersComplete(bool endStream)
    {
    }

    public void OnStaticIndexedHeader(int index) => throw new NotSupportedException();

    public void OnStaticIndexedHeader(int index, ReadOnlySpan<byte> value) => throw new NotSupportedException();

    public void OnDynamicIndexedHeader(int? index, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) => throw new NotSupportedException();
}
