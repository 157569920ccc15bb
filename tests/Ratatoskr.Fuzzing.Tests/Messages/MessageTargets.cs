using Ratatoskr.Fuzzing.Tests.Corpora;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.Cbor;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using SharedTests.Fuzzing;

namespace Ratatoskr.Fuzzing.Tests.Messages;

/// <summary>CBOR and the messages in it: what another reader takes for sound is, what is taken says the same when it is written again, and nothing is allocated for it.</summary>
public class MessageTargets
{
    // Reading allocates nothing; this is what a first call puts up.
    private const long ReadBytes = 1 << 12;

    // A value of a message, and one in a map within it, is stepped over as if it stood alone.
    private const int DepthOfValuesMax = CborCursor.DepthMax + 2;

    public static TheoryData<string> Files => Corpus.Names("messages");

    private static IReadOnlyList<byte[]> Seeds { get; } = [.. Corpus.CapturedMessages, .. Corpus.Files("messages").Select(file => file.Bytes).Where(bytes => PlainMessage.IsWellFormed(bytes, CborCursor.DepthMax))];

    [Theory]
    [MemberData(nameof(Files))]
    public void Corpus_file(string name)
    {
        byte[] bytes = Corpus.Read("messages", name);
        for (int seed = 0; seed < 20; seed++) Check(new FuzzCase(seed), bytes);
    }

    [Fact]
    public void Read_message() => FuzzRun.Run(6000, one =>
    {
        byte[] bytes = one.Pick(Seeds);
        if (one.OneIn(5)) bytes = ByteMutator.Mutate(one.Random, one.OneIn(3) ? ByteMutator.Splice(one.Random, bytes, one.Pick(Seeds)) : bytes, CborMutator.Words);
        else bytes = CborMutator.Mutate(one.Random, bytes);
        return Check(one, one.Input = bytes);
    });

    [Fact]
    public void Walk_over_anything() => FuzzRun.Run(6000, one =>
    {
        byte[] bytes = ByteMutator.Mutate(one.Random, one.OneIn(3) ? [.. Enumerable.Range(0, 5).SelectMany(_ => one.Pick(CborMutator.Words))] : one.Pick(Seeds), CborMutator.Words);
        one.Input = bytes;
        one.Call(bytes.Length, ReadBytes, () => Walk(one, bytes));
        return null;
    });

    private static string? Check(FuzzCase one, byte[] bytes)
    {
        bool isSound = PlainMessage.IsWellFormed(bytes, CborCursor.DepthMax);
        Assert.Equal(isSound, one.Call(bytes.Length, ReadBytes, () => CborCursor.IsWellFormed(bytes)));

        RepoMessage message = default;
        string? why = null;
        ReadOutcome outcome = one.Call(0, ReadBytes, () => MessageReader.Read(bytes, out message, out why));
        if (outcome != ReadOutcome.Message)
        {
            Assert.NotNull(why);
            if (outcome == ReadOutcome.Refused) Assert.True(PlainMessage.IsWellFormed(bytes, DepthOfValuesMax), why);
            return why;
        }

        Assert.Null(why);
        Assert.True(PlainMessage.IsWellFormed(bytes, DepthOfValuesMax));
        CheckSlices(bytes, message);
        CheckSame(bytes, message);
        if (bytes.Length > 1) Assert.Equal(ReadOutcome.Undecodable, MessageReader.Read(bytes.AsSpan(0, one.Random.Next(bytes.Length)), out _, out _));
        Assert.Equal(ReadOutcome.Undecodable, MessageReader.Read([.. bytes, 0], out _, out _));
        return null;
    }

    private static void CheckSlices(byte[] bytes, in RepoMessage message)
    {
        foreach (Slice slice in (Slice[])[message.Type, message.SenderId, message.TargetId, message.DocumentId, message.Data, message.SessionId, message.StorageId, message.Token, message.UserId,
            message.ErrorCode, message.ErrorText, message.Add, message.Remove, message.NewHeads])
        {
            Assert.True(slice.Offset >= 0 && slice.Length >= 0 && slice.End <= bytes.Length);
        }

        Assert.True(message.SenderId.Length <= PeerId.LengthMax && message.TargetId.Length <= PeerId.LengthMax && message.StorageId.Length <= StorageId.LengthMax);
        Assert.True(message.DocumentId.Length <= DocumentId.LengthMax && message.SessionId.Length <= MessageReader.SessionIdLengthMax && message.Token.Length <= MessageReader.TokenLengthMax);
        foreach (Slice id in MessageReader.StorageIds(bytes, message.Add)) Assert.True(id.Length <= StorageId.LengthMax);
        foreach (RemoteHeads heads in MessageReader.RemoteHeads(bytes, message.NewHeads)) Assert.True(double.IsFinite(heads.Timestamp) && heads.Heads.End <= bytes.Length);
        message.TryGetDocumentId(bytes, out _);
    }

    // Another reader finds the same, and so does ours in what our writer makes of it.
    private static void CheckSame(byte[] bytes, in RepoMessage message)
    {
        Assert.Equal(PlainMessage.TextOf(bytes, "type"), message.Type.In(bytes).ToArray());
        if (message.Kind is MessageKind.Unknown or MessageKind.AuthOk) return;
        foreach ((string key, Slice slice) in (ReadOnlySpan<(string, Slice)>)[("senderId", message.SenderId), ("targetId", message.TargetId), ("documentId", message.DocumentId), ("data", message.Data),
            ("sessionId", message.SessionId), ("token", message.Token), ("error", message.ErrorCode)])
        {
            byte[]? expected = PlainMessage.TextOf(bytes, key);
            Assert.Equal(expected is not null, slice.IsPresent);
            if (expected is not null) Assert.Equal(expected, slice.In(bytes).ToArray());
        }

        byte[] again = new byte[bytes.Length + MessageWriter.LengthMax(0) + 32];
        ReadOnlySpan<byte> sender = message.SenderId.In(bytes), target = message.TargetId.In(bytes), data = message.Kind == MessageKind.DocUnavailable ? [] : message.Data.In(bytes);
        ReadOnlySpan<byte> document = message.DocumentIdIsPayload ? [] : message.DocumentId.In(bytes);
        int length = message.Kind switch
        {
            MessageKind.Sync or MessageKind.Request => MessageWriter.WriteSyncEnvelope(again, sender, target, document, message.Kind == MessageKind.Request, data.Length),
            MessageKind.Ephemeral => MessageWriter.WriteEphemeralEnvelope(again, sender, target, document, message.Count, message.SessionId.In(bytes), data.Length),
            MessageKind.DocUnavailable => MessageWriter.WriteDocUnavailable(again, sender, target, document),
            MessageKind.Join => MessageWriter.WriteJoin(again, sender, message.StorageId.In(bytes)),
            MessageKind.Auth => MessageWriter.WriteAuth(again, message.Token.In(bytes)),
            _ => 0,
        };
        if (length == 0) return;
        byte[] written = message.Kind is MessageKind.Sync or MessageKind.Request or MessageKind.Ephemeral ? [.. again.AsSpan(0, length), .. data] : again[..length];
        Assert.Equal(ReadOutcome.Message, MessageReader.Read(written, out RepoMessage read, out string? why));
        Assert.Null(why);
        Assert.Equal(message.Kind, read.Kind);
        if (message.Kind != MessageKind.Auth) Assert.True(read.SenderId.In(written).SequenceEqual(sender));
        if (message.Kind is MessageKind.Auth or MessageKind.Join)
        {
            CheckHello(bytes, message, written, read);
            return;
        }

        Assert.True(read.TargetId.In(written).SequenceEqual(target) && read.DocumentId.In(written).SequenceEqual(document));
        Assert.True(read.Data.In(written).SequenceEqual(data));
        if (message.Kind != MessageKind.Ephemeral) return;
        Assert.Equal(message.Count, read.Count);
        Assert.True(read.SessionId.In(written).SequenceEqual(message.SessionId.In(bytes)));
    }

    private static void CheckHello(byte[] bytes, in RepoMessage message, byte[] written, in RepoMessage read)
    {
        if (message.Kind == MessageKind.Auth) Assert.True(read.Token.In(written).SequenceEqual(message.Token.In(bytes)));
        else Assert.True(read.StorageId.In(written).SequenceEqual(message.StorageId.In(bytes)));
    }

    // Every step of a cursor either moves on within the bytes or does not move at all.
    private static int Walk(FuzzCase one, byte[] bytes)
    {
        CborCursor cursor = new(bytes);
        CborItems items = default;
        int steps = 0;
        for (; !cursor.IsAtEnd && steps < 200; steps++)
        {
            int before = cursor.Position;
            CborCursor skipping = cursor;
            bool moved = one.Random.Next(10) switch
            {
                0 => cursor.TryReadText(out _),
                1 => cursor.TryReadBytes(out _),
                2 => cursor.TryReadBoolean(out _),
                3 => cursor.TryReadNil(),
                4 => cursor.TryReadNumber(out _),
                5 => cursor.TryReadUnsigned(out _),
                6 => cursor.TryReadMapStart(out items),
                7 => cursor.TryReadArrayStart(out items),
                8 => cursor.TrySkip(1 + one.Random.Next(64)),
                _ => items.IsIndefinite ? cursor.MoveNext(ref items) : cursor.TrySkip(),
            };
            Assert.True(cursor.Position <= bytes.Length);
            Assert.True(moved ? cursor.Position >= before : cursor.Position == before || items.IsIndefinite, "a read that failed has moved");
            if (!moved && one.OneIn(3) && !skipping.TrySkip()) break;
        }

        return steps;
    }
}
