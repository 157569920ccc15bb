using System.Runtime.CompilerServices;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Ratatoskr.Server.Configuration;

namespace Ratatoskr.Server.Composition;

/// <summary>
/// Sends metrics and traces to a collector (OTLP), by OpenTelemetry's own library, which reads its settings from the environment itself. Nothing outside this type
/// names that library: a server that sends nothing does not load it.
/// </summary>
internal sealed class Telemetry : IDisposable
{
    private const string Protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";

    private readonly MeterProvider _metrics;
    private readonly TracerProvider _traces;

    private Telemetry(MeterProvider metrics, TracerProvider traces) => (_metrics, _traces) = (metrics, traces);

    [MethodImpl(MethodImplOptions.NoInlining)]                  // or the caller would load the library
    public static Telemetry Start() => new(
        Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(Describe)
            .AddMeter([Instruments.OursPrefix + "*", .. Instruments.Frameworks.Keys])
            .AddView(static instrument => Instruments.Frameworks.TryGetValue(instrument.Meter.Name, out IReadOnlySet<string>? shown) && !shown.Contains(instrument.Name) ? MetricStreamConfiguration.Drop : null)
            .AddOtlpExporter(Choose)
            .Build(),
        Sdk.CreateTracerProviderBuilder()
            .ConfigureResource(Describe)
            .AddSource(Instruments.OursPrefix + "*", "Microsoft.AspNetCore")
            .AddOtlpExporter(Choose)
            .Build());

    public void Dispose()
    {
        _traces.Dispose();
        _metrics.Dispose();
    }

    private static void Describe(ResourceBuilder resource)
    {
        // The variables' service.name goes over ours.
        if (Environment.GetEnvironmentVariable("OTEL_SERVICE_NAME") is not { Length: > 0 }) resource.AddService("ratatoskr", serviceVersion: CommandLine.Version["ratatoskr ".Length..]);
    }

    // The specification's default; the library's own is gRPC.
    private static void Choose(OtlpExporterOptions options)
    {
        if (Environment.GetEnvironmentVariable(Protocol) is not { Length: > 0 }) options.Protocol = OtlpExportProtocol.HttpProtobuf;
    }
}
