using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>An honest pair in a process of its own, ahead of the attackers where both want the processor: what it measures is the server.</summary>
internal sealed class HonestPairProcess : IHonestPair
{
    internal const string MeetingVariable = "RATATOSKR_HONEST_PAIR";
    internal const string SocketVariable = "RATATOSKR_HONEST_PAIR_SOCKET";

    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-pair-").FullName;
    private readonly Process _process;
    private readonly Socket _socket;
    private readonly StreamReader _answers;
    private readonly StreamWriter _questions;

    public HonestPairProcess(Meeting meeting)
    {
        string path = Path.Combine(_folder, "pair.sock");
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        ProcessStartInfo start = new("nice") { RedirectStandardOutput = true };      // who may not be preferred runs like others
        foreach (string word in (string[])["-n", "-10", "dotnet", typeof(HonestPairProcess).Assembly.Location, "--explicit", "only", "--filter-method", $"*{nameof(HonestPairServer)}.{nameof(HonestPairServer.Serve)}"])
            start.ArgumentList.Add(word);
        start.Environment[MeetingVariable] = JsonSerializer.Serialize(meeting);
        start.Environment[SocketVariable] = path;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += static (_, _) => { };
        _process.BeginOutputReadLine();
        _socket = listener.Accept();
        NetworkStream stream = new(_socket);
        _answers = new StreamReader(stream);
        _questions = new StreamWriter(stream) { AutoFlush = true };
    }

    public int Sent => (int)Ask("sent");

    public void UntilReceived(int number) => Ask($"received {number}");

    public void StopAndConverge() => Ask("stop");

    public double P99(int from, int to) => Ask($"p99 {from} {to}");

    public void Dispose()
    {
        _socket.Dispose();                     // which ends it
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private double Ask(string question)
    {
        _questions.WriteLine(question);
        string answer = _answers.ReadLine() ?? throw new IOException("the honest pair's process has ended");
        return JsonSerializer.Deserialize<Answer>(answer) is { Failure: null } good ? good.Value : throw new InvalidOperationException(answer);
    }

    internal sealed record Answer(double Value, string? Failure);
}
