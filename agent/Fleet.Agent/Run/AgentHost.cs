using System.Diagnostics.CodeAnalysis;
using Fleet.Agent.Deployment;
using Fleet.Agent.Deployment.Steps;
using Fleet.Agent.Disk;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Facts;
using Fleet.Agent.Inference;
using Fleet.Agent.Link;
using Fleet.Agent.Shelf;
using Fleet.Agent.Telemetry;
using Fleet.Agent.Validation;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
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
    public static async Task RunAsync(DataFolder folder, IReadOnlyDictionary<string, string?> settings, CancellationToken cancellationToken)
    {
        var identity = IdentityFile.Read(folder)
            ?? throw new EnrollmentException($"This device is not enrolled: {folder.Identity} does not exist. Run 'fleet-agent enroll' first.", ExitCode.NotEnrolled);
        folder.Create();
        using var claimed = folder.Lock();
        File.Delete(folder.Endpoints); // Left by a run that was killed.

        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = folder.Root, DisableDefaults = true });
        builder.Configuration
            .AddJsonFile(folder.Settings, optional: true, reloadOnChange: false)
            .AddEnvironmentVariables("FLEET_AGENT_")
            .AddInMemoryCollection(settings);
        builder.Logging
            .AddFilter("Microsoft", LogLevel.Warning)
            .AddConfiguration(builder.Configuration.GetSection("Logging"))
            .AddConsole(console => console.FormatterName = LogLines.FormatterName);
        builder.Services.AddSingleton<ConsoleFormatter, LogLines>();
        // Under systemd its own format takes over, whose levels the journal understands.
        builder.Services.AddSystemd();

        var configuration = builder.Configuration;
        builder.Services
            .AddRoomOptions<LinkOptions, LinkOptionsValidator>(options => options.Bind(configuration.GetSection("Link")))
            .AddRoomOptions<ShelfOptions, ShelfOptionsValidator>(options => options.Bind(configuration.GetSection("Shelf")))
            .AddRoomOptions<DeploymentOptions, DeploymentOptionsValidator>(options => options.Bind(configuration.GetSection("Deployment")))
            .AddRoomOptions<TelemetryOptions, TelemetryOptionsValidator>(options => options.Bind(configuration.GetSection("Telemetry")))
            .AddSingleton(new InferenceOptions { Port = configuration.GetValue("Inference:Port", InferencePort), Socket = configuration["Inference:Socket"], EndpointsFile = folder.Endpoints })
            .AddSingleton(new ValidationOptions());

        builder.Services
            .AddSingleton(folder)
            .AddSingleton(TimeProvider.System)
            .AddSingleton(Random.Shared)
            .AddSingleton(new FactsReader().Read(identity.Profile))
            .AddSingleton(new DeviceCredentials(folder, identity))
            .AddSingleton<TrustedTime>()
            .AddSingleton(new ResourceReader(folder.Root))
            .AddSingleton<ArtifactShelf>().AddSingleton<ArtifactDownload>()
            .AddSingleton<InferenceHost>().AddSingleton<ValidationRunner>()
            .AddSingleton<DesiredSlot>().AddSingleton<DesiredInbox>().AddSingleton<Outbox>()
            .AddSingleton<Journals>().AddSingleton<DesiredFile>().AddSingleton<StateReport>().AddSingleton<Serving>().AddSingleton<DeploymentRun>()
            .AddSingleton<IDeploymentStep, Preflight>().AddSingleton<IDeploymentStep, Download>().AddSingleton<IDeploymentStep, Verify>()
            .AddSingleton<IDeploymentStep, Validate>().AddSingleton<IDeploymentStep, Activate>().AddSingleton<IDeploymentStep, Watch>();

        // In this order: what served before serves again first.
        builder.Services
            .AddHostedService<DeploymentWorker>()
            .AddHostedService<ServerLink>()
            .AddHostedService<TelemetrySampler>()
            .AddHostedService<CertificateRenewal>();

        using var host = builder.Build();
        // Before anything is started: every wrong setting of every room at once.
        host.Services.GetRequiredService<IStartupValidator>().Validate();
        await host.RunAsync(cancellationToken);
    }

    private static IServiceCollection AddRoomOptions<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TOptions, TValidator>(this IServiceCollection services, Action<OptionsBuilder<TOptions>> bind)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>, new()
    {
        services.AddSingleton<IValidateOptions<TOptions>>(new TValidator());
        var options = services.AddOptions<TOptions>();
        bind(options);
        options.ValidateOnStart(); // Found by the validator that runs before the host is started.
        return services.AddSingleton(provider => provider.GetRequiredService<IOptions<TOptions>>().Value);
    }
}

/// <summary>Checks the settings of the link at start; the body is generated so that it works ahead of time.</summary>
[OptionsValidator]
internal sealed partial class LinkOptionsValidator : IValidateOptions<LinkOptions>;

/// <summary>Checks the settings of the shelf at start.</summary>
[OptionsValidator]
internal sealed partial class ShelfOptionsValidator : IValidateOptions<ShelfOptions>;

/// <summary>Checks the settings of deployments at start.</summary>
[OptionsValidator]
internal sealed partial class DeploymentOptionsValidator : IValidateOptions<DeploymentOptions>;

/// <summary>Checks the settings of telemetry at start.</summary>
[OptionsValidator]
internal sealed partial class TelemetryOptionsValidator : IValidateOptions<TelemetryOptions>;
