using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;

namespace Fleet.Contracts.State;

/// <summary>
/// What a device writes down for a server that no network leads to: its reported state with the receipts in it, and telemetry that was
/// not delivered. It is the payload of an envelope of <see cref="PayloadType"/>, signed with the key of the device's certificate.
/// </summary>
public sealed record CarriedReport
{
    /// <summary>Payload type of a report that is carried.</summary>
    public const string PayloadType = "application/vnd.fleet.report+json";

    /// <summary>The device.</summary>
    public required DeviceId Device { get; init; }

    /// <summary>When it was written, by the device's clock.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>What the device has and does. <see cref="ReportedState.ReportNumber"/> is the number of this report.</summary>
    public required ReportedState State { get; init; }

    /// <summary>Telemetry packs as they would be sent, the oldest first.</summary>
    public required IReadOnlyList<byte[]> Telemetry { get; init; }
}

/// <summary>The file that is carried: everything that a server needs to judge a report, and nothing secret.</summary>
/// <param name="Certificate">The device's certificate, PEM.</param>
/// <param name="Report">The signed report.</param>
public sealed record ReportFile(string Certificate, DsseEnvelope Report);
