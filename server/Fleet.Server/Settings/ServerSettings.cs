using Fleet.Platform;

namespace Fleet.Server.Settings;

/// <summary>Reads the settings and refuses wrong ones before anything is opened.</summary>
internal static class ServerSettings
{
    /// <summary>What <c>--help</c> prints.</summary>
    public const string Help = """
        fleet-server: the server of a fleet.

        Settings are read from appsettings.json, from environment variables (Fleet__ApiPort=8080)
        and from the command line (--Fleet:ApiPort=8080), the later winning:

          Fleet:DataFolder                 everything the server keeps (fleet-data)
          Fleet:ListenAddress              address the devices' ports listen on (127.0.0.1)
          Fleet:ApiPort                    HTTP for operators and workers, on loopback (8080)
          Fleet:DevicePort                 HTTPS for devices, and for operators elsewhere (8443)
          Fleet:MqttPort                   MQTT over mutual TLS for devices (8883)
          Fleet:PublicHost                 name devices reach this server by (localhost)
          Fleet:Workers                    build workers started on this machine (1)
          Fleet:TelemetryRetention         how long telemetry is kept (14.00:00:00)
          Fleet:DeviceCertificateLifetime  how long a device's certificate is valid (365.00:00:00)

        A port of 0 is chosen by the system; <DataFolder>/endpoints.json names the ports while the
        server listens. API keys are in <DataFolder>/keys. Ctrl+C stops the server.
        """;

    /// <summary>Makes the checked settings available to every room.</summary>
    public static void AddSettings(this WebApplicationBuilder builder)
    {
        var options = Read(builder.Configuration);
        // For the server's own user alone: certificates, telemetry and models are nobody else's business.
        OwnerOnly.CreateFolder(options.DataFolder);
        builder.Services.AddSingleton(options).AddSingleton(TimeProvider.System);
    }

    private static FleetOptions Read(ConfigurationManager configuration)
    {
        var section = configuration.GetSection(FleetOptions.Section);
        var known = typeof(FleetOptions).GetProperties().Select(property => property.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        // Sections below belong to rooms, which check their own.
        List<string> problems = [.. section.GetChildren().Where(child => child.Value is not null && !known.Contains(child.Key)).Select(child => $"Fleet:{child.Key} is no setting; --help lists them.")];
        try
        {
            var options = section.Get<FleetOptions>() ?? new FleetOptions();
            problems.AddRange(FleetOptionsRules.ProblemsOf(options));
            return problems.Count == 0 ? options : throw new SettingsException(problems);
        }
        catch (InvalidOperationException e)
        {
            throw new SettingsException([.. problems, e.Message]);
        }
    }
}
