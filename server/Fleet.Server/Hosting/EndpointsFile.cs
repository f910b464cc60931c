using Fleet.Server.Settings;

namespace Fleet.Server.Hosting;

/// <summary>
/// Keeps <c>endpoints.json</c> while the server listens: who started it waits for the file and knows the ports. A file left by a
/// server that was killed is removed before anything else happens.
/// </summary>
internal sealed partial class EndpointsFile(
    FleetOptions options, ListenAddresses addresses, ServerStart start, ILogger<EndpointsFile> logger)
    : IHostedLifecycleService
{
    private string FilePath => Path.Combine(options.DataFolder, "endpoints.json");

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        File.Delete(FilePath);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        await File.WriteAllBytesAsync(FilePath + ".new", addresses.ToJson(), cancellationToken);
        File.Move(FilePath + ".new", FilePath, overwrite: true);
        addresses.SetListening();
        start.End();
        LogListening(addresses.Api, addresses.Devices, addresses.Mqtt, options.DataFolder);
    }

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        File.Delete(FilePath);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(LogLevel.Information, "Operators: {Api}, devices: {Devices} and MQTT {Mqtt}, data: {Folder}")]
    private partial void LogListening(string api, string devices, string mqtt, string folder);
}
