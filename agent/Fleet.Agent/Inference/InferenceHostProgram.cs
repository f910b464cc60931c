using System.Globalization;
using System.Net;
using Fleet.Agent.Children;
using Fleet.Contracts;
using Fleet.Platform;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Inference;

/// <summary>The hidden verb <c>infer-host</c>: the process that owns ONNX Runtime and answers applications on this device.</summary>
internal static class InferenceHostProgram
{
    /// <summary>
    /// Connections at once; further ones are closed. Each may hold one request of <see cref="Limits.InferenceRequestBytes"/>.
    /// </summary>
    private const int MaximumConnections = 128;

    /// <summary>
    /// Serves on the port in <paramref name="args"/> (<c>--port P</c>), and on a Unix socket if they name one (<c>--socket PATH</c>),
    /// until standard input ends.
    /// </summary>
    public static async Task<int> RunAsync(string[] args, CancellationToken cancellationToken)
    {
        if (args is not ["--port", var text, .. var rest] || rest is not ([] or ["--socket", _]) || !ChildStreams.StartedByAgent
            || !ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port))
            return await ChildStreams.RefuseAsync("infer-host --port P [--socket PATH]");
        var socket = rest.LastOrDefault();
        using var streams = ChildStreams.Open();
        // Runs block their thread; the web server needs some of its own so that health checks are answered meanwhile.
        ThreadPool.SetMinThreads(Environment.ProcessorCount * 2 + 2, 1);

        // The empty builder: no settings file and no environment variable of the device can make this listen anywhere else.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddProvider(streams.LoggerProvider).SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning);
        builder.Services.AddSingleton<ModelTable>().AddSingleton<InferenceServer>().AddSingleton<HostControl>();
        builder.Services.AddSingleton<IHostLifetime, ChildLifetime>();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = Limits.InferenceRequestBytes;
            kestrel.Limits.MaxConcurrentConnections = MaximumConnections;
            kestrel.Listen(IPAddress.Loopback, port);
            if (socket is not null) kestrel.ListenUnixSocket(socket);
        });
        await using var app = builder.Build();
        app.Run(app.Services.GetRequiredService<InferenceServer>().AnswerAsync);
        if (socket is not null) File.Delete(socket); // A host that was killed leaves it behind.
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (IOException e)
        {
            var place = socket is null ? $"port {port}" : $"port {port} and socket {socket}";
            var reason = new HostReply(
                0, Error: $"The inference host cannot listen on {place} ({e.Message}); choose another with --inference-port.");
            await streams.WriteAsync(reason, HostJson.Default.HostReply);
            return 1;
        }
        // Whoever may call by the socket is the group's business; the port is open to every user of the device.
        if (socket is not null) File.SetUnixFileMode(socket, OwnerOnly.FileMode | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
        var address = app.Urls.First(url => !url.Contains("unix:", StringComparison.Ordinal));
        await app.Services.GetRequiredService<HostControl>().RunAsync(streams, address, cancellationToken);
        await app.StopAsync(CancellationToken.None);
        return 0;
    }

    /// <summary>Replaces the console's, which would stop the server on a signal: this process ends when its input does.</summary>
    private sealed class ChildLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
