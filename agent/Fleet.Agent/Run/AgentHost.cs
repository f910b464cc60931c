using Fleet.Agent.Bundles;
using Fleet.Agent.Deployment;
using Fleet.Agent.Deployment.Steps;
using Fleet.Agent.Disk;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Facts;
using Fleet.Agent.Inference;
using Fleet.Agent.Link;
using Fleet.Agent.Network;
using Fleet.Agent.Orders;
using Fleet.Agent.Settings;
using Fleet.Agent.Shelf;
using Fleet.Agent.Telemetry;
using Fleet.Agent.Timing;
using Fleet.Agent.Validation;
using Fleet.Platform;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Fleet.Agent.Run;

/// <summary>Puts the rooms together and runs them.</summary>
internal static class AgentHost
{
    /// <summary>Port for applications when none is given: known beforehand, so that they need not look it up.</summary>
    private const int InferencePort = 8600;

    /// <summary>Runs the agent until it is told to stop.</summary>
    /// <param name="folder">What it keeps.</param>
    /// <param name="settings">What was given with the command.</param>
    /// <param name="isLinked">False for one that installs a file and reaches no network. It logs beside what the command prints.</param>
    /// <param name="cancellationToken">Tells it to stop.</param>
    /// <exception cref="FolderInUseException">Another agent runs there.</exception>
    public static async Task RunAsync(
        DataFolder folder, IReadOnlyDictionary<string, string?> settings, bool isLinked, CancellationToken cancellationToken)
    {
        var identity = IdentityFile.Require(folder);
        folder.Create();
        using var claimed = folder.Lock();
        File.Delete(folder.Endpoints); // A run that was killed leaves it behind.

        var builder = Host.CreateEmptyApplicationBuilder(
            new HostApplicationBuilderSettings { ContentRootPath = folder.Root, DisableDefaults = true });
        builder.Configuration
            .AddJsonFile(folder.Settings, optional: true, reloadOnChange: false)
            .AddEnvironmentVariables("FLEET_AGENT_")
            .AddInMemoryCollection(settings);
        new KnownSettings()
            .With<LinkOptions>("Link").With<ShelfOptions>("Shelf").With<DeploymentOptions>("Deployment").With<TelemetryOptions>("Telemetry")
            .With("Inference", nameof(InferenceOptions.Port), nameof(InferenceOptions.Socket)).With("Logging")
            .With("contentRoot").With("applicationName").With("environment") // The host's own.
            .Check(builder.Configuration);
        builder.Logging
            .AddFilter("Microsoft", LogLevel.Warning)
            .AddConfiguration(builder.Configuration.GetSection("Logging"))
            .AddConsole(console => console.LogToStandardErrorThreshold = isLinked ? LogLevel.None : LogLevel.Trace);
        // Whatever the settings say: other formatters let escape sequences through.
        builder.Services.PostConfigure<ConsoleLoggerOptions>(console => console.FormatterName = LogLines.FormatterName);
        builder.Services.AddSingleton<ConsoleFormatter, LogLines>();
        builder.Services.AddSingleton<IHostLifetime, StopLifetime>();
        // Under systemd its own lifetime takes over, and tells it that the agent runs.
        if (SystemdUnit.IsThisProcess)
            builder.Services.AddSingleton<ISystemdNotifier, SystemdNotifier>().AddSingleton<IHostLifetime, SystemdLifetime>();

        var configuration = builder.Configuration;
        builder.Services
            .AddRoomOptions<LinkOptions, LinkOptionsValidator>(options => options.Bind(configuration.GetSection("Link")))
            .AddRoomOptions<ShelfOptions, ShelfOptionsValidator>(options => options.Bind(configuration.GetSection("Shelf")))
            .AddRoomOptions<DeploymentOptions, DeploymentOptionsValidator>(options => options.Bind(configuration.GetSection("Deployment")))
            .AddRoomOptions<TelemetryOptions, TelemetryOptionsValidator>(options => options.Bind(configuration.GetSection("Telemetry")))
            .AddSingleton(new InferenceOptions
            {
                Port = configuration.GetValue("Inference:Port", InferencePort),
                Socket = configuration["Inference:Socket"],
                EndpointsFile = folder.Endpoints,
            })
            .AddSingleton(new ValidationOptions());

        builder.Services
            .AddSingleton(folder)
            .AddSingleton(TimeProvider.System)
            .AddSingleton(Random.Shared)
            .AddSingleton(new FactsReader().Read(identity.Profile))
            .AddSingleton(provider => new DeviceCredentials(
                folder, identity, provider.GetRequiredService<TrustedTime>(),
                new Proxies(provider.GetRequiredService<LinkOptions>().Proxy)))
            .AddSingleton<TrustedTime>()
            .AddSingleton(new ResourceReader(folder.Root))
            .AddSingleton<ArtifactShelf>().AddSingleton<CarriedArtifacts>().AddSingleton<ArtifactDownload>().AddSingleton<BundleFolder>()
            .AddSingleton<InferenceHost>().AddSingleton<ValidationRunner>()
            .AddSingleton<DesiredSlot>().AddSingleton<DesiredFile>().AddSingleton<OrderedTimings>().AddSingleton<OrderGate>()
            .AddSingleton<DesiredInbox>().AddSingleton<Outbox>().AddSingleton<WrittenReports>().AddSingleton<WithdrawnReleases>()
            .AddSingleton<Journals>().AddSingleton<StateReport>()
            .AddSingleton<Serving>().AddSingleton<DeploymentRun>()
            .AddSingleton<IDeploymentStep, Preflight>().AddSingleton<IDeploymentStep, Download>().AddSingleton<IDeploymentStep, Verify>()
            .AddSingleton<IDeploymentStep, Validate>().AddSingleton<ActivationSign>().AddSingleton<ISharedStep, Hold>()
            .AddSingleton<ISharedStep, Activate>().AddSingleton<ISharedStep, Watch>();

        // The order matters: what served before serves again first.
        builder.Services
            .AddHostedService<DeploymentWorker>()
            .AddHostedService<BundleInbox>();
        if (isLinked)
        {
            builder.Services
                .AddHostedService<ServerLink>()
                .AddHostedService<TimingBench>()
                .AddHostedService<TelemetrySampler>()
                .AddHostedService<CertificateRenewal>();
        }

        using var host = builder.Build();
        // Before anything starts: every wrong setting of every room at once.
        host.Services.GetRequiredService<IStartupValidator>().Validate();
        await host.RunAsync(cancellationToken);
    }
}
