// An empty Kestrel application: one route, nothing behind it.
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.ClearProviders();
builder.WebHost.UseUrls($"http://127.0.0.1:{Environment.GetEnvironmentVariable("PORT")}");
WebApplication app = builder.Build();
app.MapGet("/ready", static () => "ready");
app.Run();
