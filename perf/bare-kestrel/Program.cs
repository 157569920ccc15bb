// What a handshake costs on Kestrel's sockets when nothing is done for it: two reads, two fixed answers, nothing parsed, nothing checked, nothing kept.
//
//   dotnet publish perf/bare-kestrel -c Release --use-current-runtime -o /tmp/bare-kestrel
//   taskset -c 1 dotnet run -c Release --project perf/Ratatoskr.Load -- server=/tmp/ratatoskr/ratatoskr reference=/tmp/bare-kestrel/BareKestrel only=connect

using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

const int Backlog = 4096;

WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
builder.WebHost.UseKestrelCore();
builder.Services.Configure<SocketTransportOptions>(sockets => (sockets.UnsafePreferInlineScheduling, sockets.Backlog) = (true, Backlog));
int port = int.Parse(Environment.GetEnvironmentVariable("PORT") ?? "0", CultureInfo.InvariantCulture);
builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port, listen => listen.Run(ServeAsync)));
builder.Build().Run();

static async Task ServeAsync(ConnectionContext connection)
{
    (PipeReader input, PipeWriter output) = (connection.Transport.Input, connection.Transport.Output);
    for (bool isFirst = true; ; isFirst = false)
    {
        ReadResult read = await input.ReadAsync();
        if (read.Buffer.IsEmpty) return;
        input.AdvanceTo(read.Buffer.End);
        output.Write(isFirst ? "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"u8 : "\u0082\u0007typedpeer"u8);
        await output.FlushAsync();
    }
}
