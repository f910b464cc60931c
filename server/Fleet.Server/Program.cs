using Fleet.Platform;
using Fleet.Server.Access;
using Fleet.Server.Artifacts;
using Fleet.Server.Audit;
using Fleet.Server.Builds;
using Fleet.Server.Certificates;
using Fleet.Server.Dashboard;
using Fleet.Server.Devices;
using Fleet.Server.Enrollment;
using Fleet.Server.Events;
using Fleet.Server.Health;
using Fleet.Server.Hosting;
using Fleet.Server.Http;
using Fleet.Server.Keys;
using Fleet.Server.Messaging;
using Fleet.Server.Monitoring;
using Fleet.Server.Releases;
using Fleet.Server.Rollouts;
using Fleet.Server.Settings;
using Fleet.Server.Storage;
using Fleet.Server.Targets;
using Fleet.Server.Telemetry;
using Microsoft.Extensions.Hosting.Systemd;

namespace Fleet.Server;

/// <summary>The contents page of the server: what it is made of, then what it answers to.</summary>
internal static class Program
{
    private const int Failed = 1;
    private const int WrongSettings = 2;

    /// <summary>The settings of every room that has some, with their defaults.</summary>
    internal static readonly IRoomSettings[] Rooms =
        [new FleetOptions(), new AccessOptions(), new KeysOptions(), new MessagingOptions(), new BuildsOptions()];

    /// <summary>Runs the server until it is told to stop.</summary>
    public static async Task<int> Main(string[] args)
    {
        OwnerOnly.ByDefault();
        switch (args)
        {
            case [.., "--help" or "-h"]:
                Console.WriteLine(SettingsHelp.Of(Rooms));
                return 0;
            case [.., "--version"]:
                Console.WriteLine(ServerVersion.Current);
                return 0;
        }
        try
        {
            switch (args)
            {
                case [DataFolder.BeginCommand, .. var settings]:
                    Console.WriteLine($"{AuditTrail.BeginAnew(OptionsFrom(settings), TimeProvider.System)} begins anew; its first line "
                        + $"says so.");
                    return 0;
                case [CertificateAuthority.BeginCommand, .. var settings]:
                    var file = CertificateAuthority.BeginAnew(OptionsFrom(settings).DataFolder, TimeProvider.System);
                    Console.WriteLine($"{file} is new; the one before is beside it.");
                    return 0;
                case [RootRecord.RestoreCommand, .. var settings]:
                    Console.WriteLine($"{await RestoreRootsAsync(settings)} is written again.");
                    return 0;
            }
            ServerSettings.Check(args);
            await using var server = await CreateAsync(args);
            await server.RunAsync();
            return 0;
        }
        catch (SettingsException e)
        {
            foreach (var problem in e.Problems) await Console.Error.WriteLineAsync(problem);
            return WrongSettings;
        }
        // A port in use, a folder that cannot be written, the data folder of another running server, a damaged key.
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or StoreException)
        {
            await Console.Error.WriteLineAsync($"The server cannot start: {e.Message}");
            return Failed;
        }
    }

    /// <summary>The server, ready to run.</summary>
    /// <param name="args">Settings, as on the command line.</param>
    /// <param name="replace">What a test replaces, such as the clock.</param>
    internal static async Task<WebApplication> CreateAsync(string[] args, Action<IServiceCollection>? replace = null)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        builder.AddSettings(Rooms);
        builder.AddLogs();
        // Before the listeners, which ask for the authority: one that was lost must not be made anew.
        builder.WebHost.ConfigureKestrel(
            kestrel => DataFolder.Check(kestrel.ApplicationServices.GetRequiredService<FleetOptions>().DataFolder));
        builder.AddListeners();
        // Tells systemd that the server listens, and that it stops.
        if (SystemdUnit.IsThisProcess)
            builder.Services.AddSingleton<ISystemdNotifier, SystemdNotifier>().AddSingleton<IHostLifetime, SystemdLifetime>();
        builder.Services.AddProblems();
        builder.Services.AddHealth();
        builder.Services.AddStorage();
        builder.Services.AddCertificates();
        builder.Services.AddKeys();
        builder.Services.AddAudit();
        builder.Services.AddApiDocument();
        builder.Services.AddAccess();
        builder.Services.AddEnrollment();
        builder.Services.AddMessaging();
        builder.Services.AddDevices();
        builder.Services.AddArtifacts();
        builder.Services.AddBuilds();
        builder.Services.AddReleases();
        builder.Services.AddTargets();
        builder.Services.AddRollouts();
        builder.Services.AddTelemetry();
        builder.Services.AddMonitoring();
        builder.Services.AddEvents();
        builder.Services.AddDashboard();
        replace?.Invoke(builder.Services);

        var app = builder.Build();
        app.CreateDataFolder();
        await app.OpenDataFolderAsync();
        app.UseSecurityHeaders();
        app.UseAudit();
        app.UseProblems();
        app.UseHostCheck();
        app.UseRouting();
        app.UseAccess();
        app.UseQueryCheck();
        app.UseIdempotency();
        app.UseCommitWitness();
        app.MapHealth();
        app.MapEnroll();
        app.MapEst();
        app.MapLogin();
        app.MapOpenId();

        var operators = app.MapOperatorCalls();
        operators.MapOpenApi(ApiDocument.Path).ForViewers();
        operators.MapApiKeys();
        operators.MapSessions();
        operators.MapAudit();
        operators.MapKeys();
        operators.MapTokens();
        operators.MapDevices();
        operators.MapDeviceLife();
        operators.MapServerMoves();
        operators.MapArtifacts();
        operators.MapArtifactSweep();
        operators.MapBuilds();
        operators.MapReleases();
        operators.MapTargets();
        operators.MapRollouts();
        operators.MapTelemetry();
        operators.MapMonitoring();
        operators.MapEvents();
        operators.MapDashboard();

        var workers = app.MapWorkerCalls();
        workers.MapWorkers();
        workers.MapArtifactUpload();

        var devices = app.MapDeviceCalls();
        devices.MapDeviceIdentity();
        devices.MapEstRenewal();
        devices.MapArtifactDownload();
        return app;
    }

    private static FleetOptions OptionsFrom(string[] args)
    {
        using var services = SettingsFrom(args).BuildServiceProvider();
        return services.GetRequiredService<FleetOptions>();
    }

    private static IServiceCollection SettingsFrom(string[] args)
    {
        ServerSettings.Check(args);
        var builder = WebApplication.CreateSlimBuilder(args);
        builder.AddSettings(Rooms);
        return builder.Services;
    }

    private static async Task<string> RestoreRootsAsync(string[] args)
    {
        await using var services = SettingsFrom(args).AddHealth().AddStorage().AddKeys().AddAudit().BuildServiceProvider();
        var folder = services.GetRequiredService<FleetOptions>().DataFolder;
        DataFolder.Check(folder);
        var store = services.GetRequiredService<IFleetStore>();
        var file = await RootRecord.RestoreAsync(store, folder, CancellationToken.None);
        await services.GetRequiredService<AuditTrail>()
            .NoteAtMachineAsync(RootRecord.RestoreCommand, $"{file} was written again as the database knows it.", store);
        return file;
    }

    /// <summary>
    /// At a first start keys and the audit trail before the database and the database before API keys: whatever it leaves behind when it
    /// is killed can be told from a loss. Later the keys ask the database first, which knows whose they must be.
    /// </summary>
    private static async Task OpenDataFolderAsync(this WebApplication app)
    {
        app.Services.GetRequiredService<CertificateAuthority>();
        await app.Services.GetRequiredService<RootsAtStart>().ReadAsync(CancellationToken.None);
        app.Services.GetRequiredService<FleetKeys>();
        app.Services.GetRequiredService<AuditTrail>().BeginIfNew();
        app.Services.GetRequiredService<IFleetStore>();
    }
}
