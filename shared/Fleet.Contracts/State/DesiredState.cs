using Fleet.Contracts.Releases;

namespace Fleet.Contracts.State;

/// <summary>What one device should run: always whole, never a difference. A newer revision replaces an older one at any point.</summary>
public sealed record DesiredState
{
    /// <summary>Grows with every change; a device answers the revision it has acted on.</summary>
    public required long Revision { get; init; }

    /// <summary>One for each model the device should run. A model that is absent is taken out of service.</summary>
    public required IReadOnlyList<Assignment> Assignments { get; init; }
}

/// <summary>One model's release on one device.</summary>
public sealed record Assignment
{
    /// <summary>Model name.</summary>
    public required string Model { get; init; }

    /// <summary>Release number.</summary>
    public required int Version { get; init; }

    /// <summary>The signed manifest.</summary>
    public required DsseEnvelope Release { get; init; }

    /// <summary>
    /// The operator goes back on purpose. A device then takes a version below the largest it has trusted, but only the previous
    /// release that it has verified before and still keeps: who controls the network but no signing key gains nothing by it.
    /// </summary>
    public bool Rollback { get; init; }
}
