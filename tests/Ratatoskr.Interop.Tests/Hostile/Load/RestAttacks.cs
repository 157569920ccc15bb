using System.Net;
using System.Net.Http.Headers;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>Attacks on sign-in and the API, and those that limits by address end.</summary>
internal static class RestAttacks
{
    /// <summary>Five hundred sign-ins begun and not ended. The provider does not answer; a hundred are tried.</summary>
    public static string PendingLogins(Target target)
    {
        using HttpClient http = new(LoopbackAddresses.HandlerFrom(LoopbackAddresses.Next())) { BaseAddress = new Uri(target.Server.HttpUrl) };
        http.DefaultRequestHeaders.Accept.ParseAdd("application/json");
        Dictionary<int, int> answers = [];
        for (int i = 0; i < 500; i++)
        {
            using HttpResponseMessage answer = http.GetAsync("/api/v1/auth/login").GetAwaiter().GetResult();
            answers[(int)answer.StatusCode] = answers.GetValueOrDefault((int)answer.StatusCode) + 1;
        }

        Assert.Equal(400, answers[429]);
        return Said(answers);
    }

    /// <summary>From one address, over as many connections as it may open.</summary>
    public static string UndecodableFrames(Target target)
    {
        string address = LoopbackAddresses.Next();
        byte[] garbage = [.. Enumerable.Repeat(Wire.Message([0xff, 0x13, 0x37]), 1000).SelectMany(one => one)];
        List<string> ends = [];
        for (int i = 0; i < 20; i++)
        {
            using Wire wire = Wire.Upgrade(target.Port, address);
            Task<Ending> reading = wire.ReadInBackground();
            wire.TrySend(Wire.Message(Frame.Join(wire.PeerId)));
            wire.TrySend(garbage);
            Ending ending = reading.GetAwaiter().GetResult();
            Assert.Equal(1008, ending.Code);
            ends.Add($"close 1008 ({ending.Reason})");
        }

        return string.Join(", ", ends.GroupBy(end => end).Select(group => $"{group.Count()} × {group.Key}"));
    }

    /// <summary>Two hundred streams, or forty, that ask for megabytes and read nothing.</summary>
    public static string Http2SlowReaders(Target target)
    {
        const int Connections = 4;
        int streams = target.Size(50, 10);
        List<HttpClient> clients = [];
        List<HttpResponseMessage> answers = [];
        try
        {
            using HttpClient owner = Http2(target);
            using HttpResponseMessage made = owner.PostAsync("/api/v1/documents", new StringContent("{}", MediaTypeHeaderValue.Parse("application/json"))).GetAwaiter().GetResult();
            string document = (string)System.Text.Json.Nodes.JsonNode.Parse(made.Content.ReadAsStringAsync().GetAwaiter().GetResult())!["automergeId"]!;
            string noise = Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(target.Size(1_500_000, 400_000)));
            using HttpResponseMessage put = owner.PutAsync($"/api/v1/documents/{document}/content",
                new StringContent($$"""{"noise":"{{noise}}"}""", MediaTypeHeaderValue.Parse("application/json"))).GetAwaiter().GetResult();
            Assert.Equal(HttpStatusCode.OK, put.StatusCode);

            Thread.Sleep(TimeSpan.FromSeconds(5));            // its size is recorded every three seconds
            for (int i = 0; i < Connections; i++)
            {
                HttpClient client = Http2(target);
                clients.Add(client);
                Task<HttpResponseMessage>[] asked = [.. Enumerable.Range(0, streams).Select(_ => client.GetAsync($"/api/v1/documents/{document}/export?format=json", HttpCompletionOption.ResponseHeadersRead))];
                answers.AddRange(Task.WhenAll(asked).GetAwaiter().GetResult());
            }

            Thread.Sleep(TimeSpan.FromSeconds(8));            // Kestrel gives a response 5 s before it asks for 240 bytes a second
            int cut = 0;
            Dictionary<int, int> statuses = [];
            foreach (HttpResponseMessage answer in answers)
            {
                statuses[(int)answer.StatusCode] = statuses.GetValueOrDefault((int)answer.StatusCode) + 1;
                try
                {
                    answer.Content.CopyToAsync(Stream.Null).GetAwaiter().GetResult();
                }
                catch (HttpRequestException)
                {
                    cut++;
                }
            }

            return $"{Said(statuses)}; {cut} cut";
        }
        finally
        {
            foreach (HttpResponseMessage answer in answers) answer.Dispose();
            foreach (HttpClient client in clients) client.Dispose();
        }
    }

    private static HttpClient Http2(Target target)
    {
        SocketsHttpHandler handler = new()
        {
            InitialHttp2StreamWindowSize = 65_535,
            UseProxy = false,
            SslOptions = TlsTrust.Anyone("localhost"),
        };
        HttpClient client = new(handler) { BaseAddress = new Uri($"https://127.0.0.1:{target.Port}"), DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", target.Token);
        return client;
    }

    private static string Said(Dictionary<int, int> answers) => string.Join(", ", answers.OrderBy(pair => pair.Key).Select(pair => $"{pair.Value} × {pair.Key}"));
}
