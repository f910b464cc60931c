using System.Diagnostics.Metrics;
using Fleet.Server.Artifacts;
using Fleet.Server.Devices;
using Fleet.Server.Health;
using Fleet.Server.Messaging;
using Prometheus;

namespace Fleet.Server.Monitoring;

/// <summary>What this server counts, as Prometheus reads it. Sums of all devices: which device it was is said on its page.</summary>
internal sealed class ServerMetrics : IDisposable
{
    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();
    private readonly IDisposable _counters;

    /// <summary>Listens from now on.</summary>
    public ServerMetrics(IMeterFactory meters, DeviceBoard board, ServerHealth health, ArtifactSweep artifacts)
    {
        var factory = Metrics.WithCustomRegistry(_registry);
        var online = factory.CreateGauge("fleet_devices_online", "Devices that are connected now.");
        var problems = factory.CreateGauge("fleet_problems", "Problems of the server that /health tells of now.");
        var warnings = factory.CreateGauge("fleet_warnings", "Warnings that /health tells of now.");
        var stored = factory.CreateGauge("fleet_artifact_bytes", "Bytes of stored artifacts, as of the last look (hourly).");
        var unused = factory.CreateGauge("fleet_artifact_unused_bytes", "Those of them that no release and no build uses.");
        _registry.AddBeforeCollectCallback(() =>
        {
            stored.Set(artifacts.Seen.Sum(one => one.File.Bytes));
            unused.Set(artifacts.Seen.Where(one => one.Uses is null).Sum(one => one.File.Bytes));
            online.Set(board.Online.Count);
            problems.Set(health.Problems.Count);
            warnings.Set(health.Warnings.Count);
        });
        _counters = MeterAdapter.StartListening(new MeterAdapterOptions
        {
            Registry = _registry,
            MetricFactory = factory,
            // The longest there is: a counter that stands still is as true as one that moves.
            MetricsExpireAfter = TimeSpan.FromDays(1),
            // Servers of one process each count for themselves.
            InstrumentFilterPredicate = instrument => instrument.Meter.Name == DeviceTraffic.MeterName && instrument.Meter.Scope == meters,
        });
    }

    /// <summary>Writes everything, in the text form of Prometheus.</summary>
    public Task WriteAsync(Stream output, CancellationToken cancellationToken)
        => _registry.CollectAndExportAsTextAsync(output, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _counters.Dispose();
}
