using System.ComponentModel;
using System.Net;

namespace Fleet.Server.Settings;

/// <summary>Settings that several rooms share, section <c>Fleet</c>.</summary>
internal sealed record FleetOptions : IRoomSettings
{
    /// <summary>The most that <see cref="DeviceCertificateLifetime"/> may be.</summary>
    public static readonly TimeSpan LongestCertificateLifetime = TimeSpan.FromDays(3650);

    private static readonly TimeSpan TenYears = TimeSpan.FromDays(3650);

    string IRoomSettings.Section => "Fleet";

    [Description("Folder of everything the server keeps: database, keys, certificates, artifacts. Back it up as a whole.")]
    public string DataFolder { get; init; } = "fleet-data";

    [Description("Address the ports for devices listen on. Loopback by default: opening the fleet to a network is a decision.")]
    public string ListenAddress { get; init; } = "127.0.0.1";

    [Description("Port for operators and workers of this machine: plain HTTP, always on loopback. 0 lets the system choose.")]
    public int ApiPort { get; init; } = 8080;

    [Description("Port for devices (enrollment, renewal, artifacts) and for operators elsewhere: HTTPS. 0 lets the system choose.")]
    public int DevicePort { get; init; } = 8443;

    [Description("Port for devices: MQTT 5 over mutual TLS. 0 lets the system choose.")]
    public int MqttPort { get; init; } = 8883;

    [Description("Name or address by which devices reach this server. It is written into the server's certificate.")]
    public string PublicHost { get; init; } = "localhost";

    [Description("Other names by which browsers and programs call this server, such as that of a proxy in front of it, joined by commas. "
        + "Requests under names that are not its own are refused.")]
    public string? AllowedHosts { get; init; }

    [Description("Build workers started on this machine; 0 where workers run elsewhere.")]
    public int Workers { get; init; } = 1;

    [Description("How long telemetry is kept.")]
    public TimeSpan TelemetryRetention { get; init; } = TimeSpan.FromDays(14);

    [Description("Bytes of telemetry stored for one device in a day (UTC). Past them its batches wait on the device until the next day.")]
    public long TelemetryBytesPerDay { get; init; } = 64 * 1024 * 1024;

    [Description("Bytes that stay free on the disk of the data folder: below them telemetry and uploads are refused, below half of them "
        + "every change.")]
    public long FreeSpaceReserve { get; init; } = 256_000_000;

    [Description("How long artifacts are kept that no release and no build uses, such as what an interrupted build has uploaded.")]
    public TimeSpan UnusedArtifactsKept { get; init; } = TimeSpan.FromDays(7);

    [Description("How long a device's certificate is valid. Devices renew after two thirds; one that was off longer must enroll again.")]
    public TimeSpan DeviceCertificateLifetime { get; init; } = TimeSpan.FromDays(365);

    [Description("How long the devices of a rollout that ended are listed. Its counts stay, and devices that nothing newer was ordered "
        + "to.")]
    public TimeSpan RolloutRetention { get; init; } = TimeSpan.FromDays(30);

    [Description("Whether every rollout must be approved by a second person before its first device is told. Targets, pins and "
        + "'rollback --to' then only bring back what devices had before.")]
    public bool RolloutsNeedApproval { get; init; }

    /// <summary>The names of <see cref="AllowedHosts"/>.</summary>
    public IReadOnlyList<string> HostNames
        => AllowedHosts?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    /// <inheritdoc/>
    public IRoomSettings WithWholePaths()
        => string.IsNullOrWhiteSpace(DataFolder) ? this : this with { DataFolder = Path.GetFullPath(DataFolder) };

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var rules = new SettingsRules("Fleet");
        rules.Require(!string.IsNullOrWhiteSpace(DataFolder), nameof(DataFolder), "must name a folder");
        rules.Require(
            IPAddress.TryParse(ListenAddress, out _), nameof(ListenAddress),
            $"'{ListenAddress}' must be an IP address, such as 127.0.0.1 or 0.0.0.0");
        rules.Within(nameof(ApiPort), ApiPort, 0, 65535);
        rules.Within(nameof(DevicePort), DevicePort, 0, 65535);
        rules.Within(nameof(MqttPort), MqttPort, 0, 65535);
        int[] ports = [.. new[] { ApiPort, DevicePort, MqttPort }.Where(port => port != 0)];
        rules.Require(ports.Distinct().Count() == ports.Length, nameof(ApiPort), "must differ from Fleet:DevicePort and Fleet:MqttPort, "
            + "and these from each other");
        rules.Require(
            Uri.CheckHostName(PublicHost) is UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6, nameof(PublicHost),
            $"'{PublicHost}' must be a host name or an IP address, without a port");
        foreach (var name in HostNames)
            rules.Require(
                Uri.CheckHostName(name) is not UriHostNameType.Unknown, nameof(AllowedHosts),
                $"'{name}' must be a host name or an IP address, without a port");
        rules.Within(nameof(Workers), Workers, 0, 64);
        rules.Within(nameof(TelemetryRetention), TelemetryRetention, TimeSpan.FromHours(1), TenYears);
        rules.Within(nameof(TelemetryBytesPerDay), TelemetryBytesPerDay, 1024 * 1024, 1L << 40);
        rules.Require(FreeSpaceReserve >= 0, nameof(FreeSpaceReserve), $"{FreeSpaceReserve} must be a number of bytes, 0 or more");
        rules.Within(nameof(UnusedArtifactsKept), UnusedArtifactsKept, TimeSpan.FromHours(1), TenYears);
        rules.Within(nameof(DeviceCertificateLifetime), DeviceCertificateLifetime, TimeSpan.FromMinutes(10), LongestCertificateLifetime);
        rules.Within(nameof(RolloutRetention), RolloutRetention, TimeSpan.FromDays(1), TenYears);
        return rules.Problems;
    }
}
