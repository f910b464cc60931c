using Fleet.Contracts.Devices;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.State;

/// <summary>
/// What a device signs with its enrolled key when it reports a variant that it validated: who measured what, of which release, under
/// which order. It travels in the report of the model, as a signed payload of <see cref="PayloadType"/>.
/// </summary>
public sealed record Receipt
{
    /// <summary>Payload type of a receipt.</summary>
    public const string PayloadType = "application/vnd.fleet.receipt+json";

    /// <summary>The device.</summary>
    public required DeviceId Device { get; init; }

    /// <summary>The desired revision that the report answers.</summary>
    public required long Revision { get; init; }

    /// <summary>Model name.</summary>
    public required string Model { get; init; }

    /// <summary>Release number.</summary>
    public required int Version { get; init; }

    /// <summary>The release, by the SHA-256 of its signed bytes in lower-case hexadecimal.</summary>
    public required string Release { get; init; }

    /// <summary>The variant that was validated.</summary>
    public required string Variant { get; init; }

    /// <summary>What was measured of it on this device.</summary>
    public required Scores Measured { get; init; }

    /// <summary>When it was signed, by the device's clock.</summary>
    public required DateTimeOffset At { get; init; }
}
