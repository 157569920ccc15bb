using System.Net.Sockets;
using System.Text.Json;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>The other side of <see cref="HonestPairProcess"/>, in the child process; by itself it does nothing.</summary>
public class HonestPairServer
{
    [Fact(Explicit = true)]
    public void Serve()
    {
        if (Environment.GetEnvironmentVariable(HonestPairProcess.MeetingVariable) is not { } meeting) return;
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(Environment.GetEnvironmentVariable(HonestPairProcess.SocketVariable)!));
        using NetworkStream stream = new(socket);
        using StreamReader questions = new(stream);
        using StreamWriter answers = new(stream) { AutoFlush = true };
        using HonestPair pair = HonestPair.Start(JsonSerializer.Deserialize<Meeting>(meeting)!);
        while (questions.ReadLine() is { } question)
        {
            HonestPairProcess.Answer answer;
            try
            {
                answer = new HonestPairProcess.Answer(Do(pair, question.Split(' ')), null);
            }
            catch (Exception e)
            {
                answer = new HonestPairProcess.Answer(0, e.Message);
            }

            answers.WriteLine(JsonSerializer.Serialize(answer));
        }
    }

    private static double Do(HonestPair pair, string[] question)
    {
        switch (question)
        {
            case ["sent"]:
                return pair.Sent;
            case ["received", { } number]:
                pair.UntilReceived(Number(number));
                return 0;
            case ["stop"]:
                pair.StopAndConverge();
                return 0;
            case ["p99", { } from, { } to]:
                return pair.P99(Number(from), Number(to));
            default:
                throw new ArgumentException("what?", nameof(question));
        }
    }

    private static int Number(string text) => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
