using Fleet.Cli.Client;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Demo;

/// <summary>What a demo showed, and what goes on serving.</summary>
internal sealed record DemoOutcome(
    FleetClient Client, BuildView Build, BuildReport Report, RolloutView Rollout, IReadOnlyList<DeviceView> Devices,
    IReadOnlyList<TelemetryView> Telemetry,
    IReadOnlyList<LiveTraffic> Traffic, TimeSpan Took);
