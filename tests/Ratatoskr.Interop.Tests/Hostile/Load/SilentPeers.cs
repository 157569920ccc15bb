using System.Text;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>Attacks by waiting: something is begun and not ended.</summary>
internal static class SilentPeers
{
    /// <summary>Asks and asks, and takes no answer: neither one queue nor all of them together may grow.</summary>
    public static string NeverRead(Target target)
    {
        int peers = target.Size(16, 4), asked = 0;
        Wire[] wires = [.. Enumerable.Range(0, peers).Select(_ => Wire.Join(target.Server))];
        bool[] gone = new bool[peers];
        byte[] data = SyncMessage.EmptyRequest;
        string[] ids = [.. Enumerable.Range(0, 4000).Select(_ => DocumentIds.New())];
        while (gone.Contains(false) && asked < 1_000_000)
        {
            for (int i = 0; i < peers; i++)
            {
                if (gone[i]) continue;
                byte[] requests = [.. Enumerable.Range(0, 400).SelectMany(number => wires[i].Document("request", ids[(asked + number) % ids.Length], data))];
                gone[i] = !wires[i].TrySend(requests, withinMs: 2_000);
            }

            asked += 400;
        }

        Ending[] endings = [.. wires.Select(wire => wire.UntilClosed())];
        foreach (Wire wire in wires) wire.Dispose();
        Assert.True(asked < 1_000_000, "nobody has stopped them");
        return $"{peers} × {Summary(endings)}";
    }

    /// <summary>Reads nothing and says nothing, so no ping is answered.</summary>
    public static string NeverPong(Target target)
    {
        Wire[] wires = [.. Enumerable.Range(0, target.Size(200, 20)).Select(_ => Wire.Join(target.Server))];
        Thread.Sleep(TimeSpan.FromSeconds(33));          // 30 s of silence and a sweep or two
        int pings = 0;
        foreach (Wire wire in wires)
        {
            wire.AnswersPings = false;
            Ending ending = wire.UntilClosed();
            Assert.Null(ending.Code);
            pings += wire.PingsSeen;
            wire.Dispose();
        }

        return $"{wires.Length} × cut after 30 s, {pings} pings not answered";
    }

    /// <summary>Four peers that hold all the room there is for large messages, and never end one.</summary>
    public static string NeverFinishFrame(Target target)
    {
        const int Declared = 12 << 20;                        // with 64 MiB for everything, messages may have 12.5
        byte[] zeros = new byte[1 << 20];
        Wire[] wires = [.. Enumerable.Range(0, 4).Select(_ => Wire.Join(target.Server))];
        foreach (Wire wire in wires)
        {
            wire.Send(Wire.Header(Declared));
            for (int sent = 0; sent < 11 << 20 && wire.TrySend(zeros); sent += zeros.Length) { }
        }

        // Somebody with a document of a megabyte comes: there is room for him, if not at once.
        Thread.Sleep(TimeSpan.FromSeconds(11));
        using Wire honest = Wire.Join(target.Server);
        honest.Send(honest.Document("request", "not-an-id", new byte[1 << 20]));
        Assert.Equal(1, honest.UntilClosed(ending => ending.Frames.Count > 0).Count("error:invalid_document_id"));

        Thread.Sleep(TimeSpan.FromSeconds(23));
        foreach (Wire wire in wires) wire.AnswersPings = false;
        Ending[] endings = [.. wires.Select(wire => wire.UntilClosed())];
        foreach (Wire wire in wires) wire.Dispose();
        return $"{wires.Length} × {Summary(endings)}";
    }

    /// <summary>Half of them stop in the middle of the request, half send a byte a second.</summary>
    public static string NeverFinishUpgrade(Target target) =>
        Dripping(target, target.Size(2_000, 200), "GET /sync HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nX-Slow: ");

    /// <summary>The same with a request of the API.</summary>
    public static string Slowloris(Target target) =>
        Dripping(target, target.Size(2_000, 200), "GET /api/v1/documents HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ");

    /// <summary>TCP connections on which nothing is said.</summary>
    public static string HalfOpen(Target target)
    {
        int count = target.Size(19_000, 2_000);               // of 20,000 files that this process may open
        List<Wire> wires = [];
        try
        {
            for (int i = 0; i < count; i++) wires.Add(Wire.Connect(target.Port, $"127.77.{i % 200}.1"));
            using Wire newcomer = Wire.Join(target.Server);     // somebody new still gets in
            int ended = wires.Count(wire => wire.HasEnded(0));
            Thread.Sleep(TimeSpan.FromSeconds(13));             // 10 s, and a sweep or two
            int endedLater = wires.Count(wire => wire.HasEnded(0));
            return $"of {count} connections {ended} ended at once, {endedLater} within 13 s";
        }
        finally
        {
            foreach (Wire wire in wires) wire.Dispose();
        }
    }

    private static string Dripping(Target target, int count, string beginning)
    {
        Wire[] wires = [.. Enumerable.Range(0, count).Select(_ => Wire.Connect(target.Port))];
        foreach (Wire wire in wires) wire.Send(Encoding.ASCII.GetBytes(beginning));
        for (int second = 0; second < 13; second++)
        {
            Thread.Sleep(1000);
            for (int i = 0; i < wires.Length; i += 2) wires[i].TrySend("x"u8);
        }

        string[] answers = [.. wires.Select(wire => wire.UntilEnd().Split("\r\n")[0])];
        foreach (Wire wire in wires) wire.Dispose();
        Assert.All(answers, answer => Assert.True(answer is "" or "HTTP/1.1 408 Request Timeout", answer));
        return string.Join(", ", answers.GroupBy(answer => answer).Select(group => $"{group.Count()} × {(group.Key.Length == 0 ? "cut" : group.Key)}"));
    }

    private static string Summary(Ending[] endings) =>
        string.Join(", ", endings.GroupBy(ending => ending.Code).Select(group => $"{group.Count()} {(group.Key is null ? "cut" : $"close {group.Key} ({group.First().Reason})")}"));
}
