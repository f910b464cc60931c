using System.Net;

namespace Fleet.Server.Settings;

/// <summary>What the settings must hold to. A server with a wrong setting does not start, and says everything that is wrong at once.</summary>
internal static class FleetOptionsRules
{
    /// <summary>Every rule <paramref name="options"/> breaks, with the key, the value and what is allowed.</summary>
    public static IReadOnlyList<string> ProblemsOf(FleetOptions options)
    {
        var problems = new List<string>();
        void Require(bool holds, string problem) { if (!holds) problems.Add(problem); }
        void Port(string key, int port) => Require(port is >= 0 and <= 65535, $"Fleet:{key} {port} must be within 0..65535.");

        Require(options.DataFolder.Trim().Length > 0, "Fleet:DataFolder must name a folder.");
        Require(IPAddress.TryParse(options.ListenAddress, out _), $"Fleet:ListenAddress '{options.ListenAddress}' must be an IP address, such as 127.0.0.1 or 0.0.0.0.");
        Port(nameof(options.ApiPort), options.ApiPort);
        Port(nameof(options.DevicePort), options.DevicePort);
        Port(nameof(options.MqttPort), options.MqttPort);
        var taken = new[] { options.ApiPort, options.DevicePort, options.MqttPort }.Where(port => port != 0).GroupBy(port => port).Where(ports => ports.Count() > 1);
        Require(!taken.Any(), "Fleet:ApiPort, Fleet:DevicePort and Fleet:MqttPort must differ.");
        Require(Uri.CheckHostName(options.PublicHost) is UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6,
            $"Fleet:PublicHost '{options.PublicHost}' must be a host name or an IP address, without a port.");
        Require(options.Workers is >= 0 and <= 64, $"Fleet:Workers {options.Workers} must be within 0..64.");
        Require(options.TelemetryRetention >= TimeSpan.FromHours(1), $"Fleet:TelemetryRetention {options.TelemetryRetention} must be at least an hour.");
        Require(options.DeviceCertificateLifetime >= TimeSpan.FromMinutes(10) && options.DeviceCertificateLifetime <= TimeSpan.FromDays(3650),
            $"Fleet:DeviceCertificateLifetime {options.DeviceCertificateLifetime} must be within 10 minutes and 10 years.");
        return problems;
    }
}
