namespace Fleet.Server.Settings;

/// <summary>Settings of the server, section <c>Fleet</c>; checked at start by <see cref="FleetOptionsRules"/>.</summary>
internal sealed record FleetOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Fleet";

    /// <summary>Folder of everything the server keeps: database, keys, certificates, artifacts. Back it up as a whole.</summary>
    public string DataFolder { get; init; } = "fleet-data";

    /// <summary>Address all ports listen on. Loopback by default: opening the fleet to a network is a decision.</summary>
    public string ListenAddress { get; init; } = "127.0.0.1";

    /// <summary>Plain HTTP for operators and workers of this machine, always on loopback. 0 lets the system choose.</summary>
    public int ApiPort { get; init; } = 8080;

    /// <summary>HTTPS for devices (enrollment, renewal, artifacts) and for operators elsewhere. 0 lets the system choose.</summary>
    public int DevicePort { get; init; } = 8443;

    /// <summary>MQTT over mutual TLS for devices. 0 lets the system choose.</summary>
    public int MqttPort { get; init; } = 8883;

    /// <summary>Name or address devices reach this server by; it is written into the server's certificate.</summary>
    public string PublicHost { get; init; } = "localhost";

    /// <summary>Build workers this server starts as child processes; 0 where workers run elsewhere.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>How long telemetry is kept. Ten thousand devices at ten seconds write about 40 GB a day: keep less before buying disks.</summary>
    public TimeSpan TelemetryRetention { get; init; } = TimeSpan.FromDays(14);

    /// <summary>How long a device's certificate is valid. Devices renew at two thirds; one that was off for longer must be enrolled again.</summary>
    public TimeSpan DeviceCertificateLifetime { get; init; } = TimeSpan.FromDays(365);
}
