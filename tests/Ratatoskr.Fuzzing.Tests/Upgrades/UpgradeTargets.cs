using System.Buffers;
using System.Text;
using Ratatoskr.Fuzzing.Tests.Corpora;
using Ratatoskr.Protocol.Tests.Support;
using Ratatoskr.Protocol.WebSockets;
using SharedTests.Fuzzing;

namespace Ratatoskr.Fuzzing.Tests.Upgrades;

/// <summary>The first bytes of a connection: the same verdict however they arrive and whatever follows, and what we take for an upgrade Kestrel reads as the same request.</summary>
public class UpgradeTargets
{
    // Header lines as text, twice; the list of them; a refusal's words.
    private const long ParsedBytes = 1 << 17;

    private static readonly UpgradeLimits Limits = UpgradeLimits.Default;

    public static TheoryData<string> Files => Corpus.Names("upgrades");

    [Theory]
    [MemberData(nameof(Files))]
    public void Corpus_file(string name)
    {
        byte[] bytes = Corpus.Read("upgrades", name);
        for (int seed = 0; seed < 20; seed++) Check(new FuzzCase(seed), bytes);
    }

    [Fact]
    public void Read_upgrade()
    {
        IReadOnlyList<(string, byte[] Bytes)> files = Corpus.Files("upgrades");
        FuzzRun.Run(4000, one =>
        {
            byte[] bytes = one.OneIn(4) ? one.Pick(files).Bytes : RequestMutator.Make(one);
            if (one.OneIn(3)) bytes = ByteMutator.Mutate(one.Random, bytes, RequestMutator.Words);
            if (one.OneIn(10)) bytes = ByteMutator.Splice(one.Random, bytes, one.Pick(files).Bytes);
            return Check(one, one.Input = bytes);
        });
    }

    private static string? Check(FuzzCase one, byte[] bytes)
    {
        UpgradeRequest? request = null;
        int headLength = 0;
        UpgradeRefusal refusal = default;
        UpgradeOutcome outcome = one.Call(bytes.Length, ParsedBytes, () => UpgradeRequest.Parse(new ReadOnlySequence<byte>(bytes), Limits, out request, out headLength, out refusal));
        CheckCut(one, bytes, outcome, headLength, refusal);
        one.Note(outcome.ToString());
        switch (outcome)
        {
            case UpgradeOutcome.Upgrade:
                CheckAsKestrel(bytes[..headLength], request!);
                byte[] answer = new byte[UpgradeResponse.LengthMax];
                int length = UpgradeResponse.Write(answer, request!.Key);
                Assert.StartsWith("HTTP/1.1 101 ", Encoding.ASCII.GetString(answer, 0, length), StringComparison.Ordinal);
                return null;
            case UpgradeOutcome.Malformed:
                Assert.True(refusal.Status is 400 or 426, $"{refusal.Status}");
                UpgradeResponse.WriteRefusal(new byte[UpgradeResponse.LengthMax], refusal.Status, refusal.Reason);
                return refusal.Reason;
            default:
                return outcome.ToString();
        }
    }

    // In pieces, and as it arrives: whoever was judged once is judged the same when more has come.
    private static void CheckCut(FuzzCase one, byte[] bytes, UpgradeOutcome outcome, int headLength, UpgradeRefusal refusal)
    {
        int[] cuts = [.. Enumerable.Range(0, one.Random.Next(8)).Select(_ => one.Random.Next(bytes.Length + 1)).Order()];
        Assert.Equal(outcome, UpgradeRequest.Parse(Segments.Cut(bytes, cuts), Limits, out _, out int cutLength, out UpgradeRefusal cutRefusal));
        Assert.Equal(refusal, cutRefusal);
        if (outcome == UpgradeOutcome.Upgrade) Assert.Equal(headLength, cutLength);
        foreach (int cut in cuts)
        {
            UpgradeOutcome early = UpgradeRequest.Parse(new ReadOnlySequence<byte>(bytes, 0, cut), Limits, out _, out _, out UpgradeRefusal earlyRefusal);
            if (early == UpgradeOutcome.NeedMore) continue;
            Assert.Equal(outcome, early);
            Assert.Equal(refusal, earlyRefusal);
        }

        byte[] more = [.. bytes, .. "\x82\x80"u8, 0, 0, 0, 0];
        UpgradeOutcome late = UpgradeRequest.Parse(new ReadOnlySequence<byte>(more), Limits, out _, out int lateLength, out _);
        if (outcome != UpgradeOutcome.NeedMore) Assert.Equal(outcome, late);
        if (outcome == UpgradeOutcome.Upgrade) Assert.Equal(headLength, lateLength);
    }

    private static void CheckAsKestrel(byte[] head, UpgradeRequest request)
    {
        PlainRequest? plain = PlainRequest.Read(head);
        Assert.True(plain is not null, "Kestrel refuses what we take");
        Assert.Equal(("Get", "Http11"), (plain.Method, plain.Version));
        Assert.Equal(plain.Target, request.Query.Length > 0 || plain.Target.Contains('?', StringComparison.Ordinal) ? $"{request.Path}?{request.Query}" : request.Path);
        Assert.Equal(Joined(plain, "Host"), request.Host);
        Assert.Equal(Joined(plain, "Sec-WebSocket-Key"), request.Key);
        Assert.Equal(Joined(plain, "Origin"), request.Origin);
        Assert.Equal(Joined(plain, "Authorization"), request.Authorization);
        Assert.Equal(Joined(plain, "X-Forwarded-For"), request.ForwardedFor);
        Assert.Equal("13", Joined(plain, "Sec-WebSocket-Version"));
        Assert.Null(Joined(plain, "Transfer-Encoding"));
        Assert.True(Joined(plain, "Content-Length") is null or "0", "an upgrade with a body");
    }

    private static string? Joined(PlainRequest request, string name)
    {
        string[] lines = [.. request.Headers.Where(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value)];
        return lines.Length == 0 ? null : string.Join(", ", lines);
    }
}
