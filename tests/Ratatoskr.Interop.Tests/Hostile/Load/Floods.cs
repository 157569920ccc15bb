using System.Security.Cryptography;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>Attacks by number: much of what is allowed one by one.</summary>
internal static class Floods
{
    private static readonly byte[] s_actor = RandomNumberGenerator.GetBytes(16);

    public static string Pings(Target target)
    {
        using Wire wire = Wire.Join(target.Server);
        Task<Ending> reading = wire.ReadInBackground();
        byte[] pings = Repeated(Wire.Framed(0x89, "ping"u8), 1000);
        for (int sent = 0; sent < 100_000 && wire.TrySend(pings); sent += 1000) { }
        wire.Shutdown();
        Ending ending = reading.GetAwaiter().GetResult();
        Assert.Equal(1008, ending.Code);
        return ending.ToString();
    }

    public static string UnknownDocuments(Target target)
    {
        const int Documents = 10_000;
        using Wire wire = Wire.Join(target.Server);
        Task<Ending> reading = Task.Factory.StartNew(() => wire.UntilClosed(ending => ending.Count("doc-unavailable") == Documents), TaskCreationOptions.LongRunning);
        for (int i = 0; i < Documents; i++) wire.Send(wire.Document("request", DocumentIds.New(), SyncMessage.EmptyRequest));
        Ending answered = reading.GetAwaiter().GetResult();
        Assert.Equal(Documents, answered.Count("doc-unavailable"));
        return answered.ToString();
    }

    /// <summary>Changes whose dependencies never come: for one document more than may wait, for many documents more than memory.</summary>
    public static string Orphans(Target target)
    {
        const int InMessage = 200, InDocument = 12_000;
        int total = target.Size(1_000_000, 100_000);
        using Wire wire = Wire.Join(target.Server);
        Task<Ending> reading = wire.ReadInBackground();
        byte[] missing = RandomNumberGenerator.GetBytes(32);
        byte[][] messages = [.. Enumerable.Range(0, InDocument / InMessage).Select(message => OrphansMessage(missing, 2 + (message * InMessage), InMessage))];
        string document = "";
        for (int i = 0; i < total / InMessage; i++)
        {
            if (i % messages.Length == 0) document = DocumentIds.New();
            if (!wire.TrySend(wire.Document("sync", document, messages[i % messages.Length]))) break;
        }

        string marker = DocumentIds.New();
        wire.TrySend(wire.Document("request", marker, SyncMessage.EmptyRequest));
        wire.TrySend(Wire.Framed(0x88, [0x03, 0xe8]));
        return reading.GetAwaiter().GetResult().ToString();
    }

    public static string Heads(Target target)
    {
        using Wire wire = Wire.Join(target.Server);
        Task<Ending> reading = Task.Factory.StartNew(() => wire.UntilClosed(ending => ending.Count("error:invalid_sync_message") == 20), TaskCreationOptions.LongRunning);
        string[] heads = [.. Enumerable.Range(0, 50_000).Select(_ => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)))];
        byte[] data = new SyncMessage { Heads = heads, LastSync = heads }.Encode();
        for (int i = 0; i < 20; i++) wire.Send(wire.Document("sync", DocumentIds.New(), data));
        Ending ending = reading.GetAwaiter().GetResult();
        Assert.Equal(20, ending.Count("error:invalid_sync_message"));
        return ending.ToString();
    }

    /// <summary>"Forget what you believe you have sent", again and again: each may ask for a whole document.</summary>
    public static string Resets(Target target)
    {
        const int Messages = 10_000;
        string document = DocumentIds.New();
        using Wire wire = Wire.Join(target.Server);
        Automerge.Documents.Document large = LargeDocuments.Make(200_000, 5_000);
        string[] heads = [.. large.Heads.Select(head => head.ToString())];
        wire.Send(wire.Sync(document, new SyncMessage { Heads = heads, LastSync = [], Changes = [large.Save()] }));
        wire.UntilClosed(ending => ending.Count("sync") > 0);               // it is there
        using Wire victim = Wire.Join(target.Server);
        byte[] reset = victim.Sync(document, new SyncMessage { LastSync = [], Flags = [0x02, 0x85] });
        Task<Ending> reading = victim.ReadInBackground();
        byte[] resets = Repeated(reset, 100);
        for (int sent = 0; sent < Messages && victim.TrySend(resets); sent += 100) { }
        victim.TrySend(Wire.Framed(0x88, [0x03, 0xe8]));
        Ending ending = reading.GetAwaiter().GetResult();
        Assert.InRange(ending.Count("large"), 1, 20);
        return $"of {Messages} {ending}";
    }

    private static byte[] OrphansMessage(byte[] missing, int seq, int count)
    {
        byte[][] changes = [.. Enumerable.Range(seq, count).Select(number => Chunks.MakeChange(s_actor, (uint)number, 1, [missing]))];
        return new SyncMessage { LastSync = [], Changes = [changes.SelectMany(change => change).ToArray()], Heads = [Convert.ToHexStringLower(SHA256.HashData(changes[^1]))] }.Encode();
    }

    private static byte[] Repeated(byte[] bytes, int count) => [.. Enumerable.Repeat(bytes, count).SelectMany(one => one)];
}
