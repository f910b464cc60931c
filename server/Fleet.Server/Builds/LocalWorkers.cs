using Fleet.Server.Access;
using Fleet.Server.Hosting;
using Fleet.Server.Http;
using Fleet.Server.Settings;

namespace Fleet.Server.Builds;

/// <summary>Runs as many workers on this machine as the settings ask for, from the moment the server listens until it stops.</summary>
internal sealed class LocalWorkers(WorkerHost host, ListenAddresses addresses, FleetOptions options) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await addresses.Listening.WaitAsync(stoppingToken);
        var surroundings = new WorkerSurroundings(
            new Uri(addresses.Api), KeyFiles.PathOf(options, Roles.Worker), Path.Combine(options.DataFolder, "workers"));
        await host.RunAsync(options.Workers, surroundings, stoppingToken);
    }
}
