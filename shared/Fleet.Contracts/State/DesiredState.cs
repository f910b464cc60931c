using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Contracts.State;

/// <summary>What one device should run: always whole, never a difference. A newer revision replaces an older one at any point.</summary>
public sealed record DesiredState
{
    /// <summary>Grows with every change; a device answers the revision it has acted on.</summary>
    public required long Revision { get; init; }

    /// <summary>One for each model the device should run. A model that is absent is taken out of service.</summary>
    public required IReadOnlyList<Assignment> Assignments { get; init; }

    /// <summary>The signed <see cref="DeviceOrder"/>: since protocol 3 a device acts on nothing else.</summary>
    public DsseEnvelope? Order { get; init; }

    /// <summary>Roots that follow the one the device last said it trusts, in order; absent when there is none.</summary>
    public IReadOnlyList<DsseEnvelope>? Roots { get; init; }

    /// <summary>The assignments as an order names them.</summary>
    public IReadOnlyList<OrderedRelease> Ordered() => [.. Assignments.Select(assignment => assignment.Ordered())];
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
    /// The operator goes back on purpose. A device then takes a version below the largest it has trusted: one that it has verified before
    /// and still keeps at once, any other that a trusted key signed and that has not expired after fetching and measuring it anew.
    /// </summary>
    public bool Rollback { get; init; }

    /// <summary>
    /// When the device may switch; null for at once. A device that serves nothing of the model, and one that goes back, does not wait.
    /// Agents of protocols 1 and 2 do not know it and are not told of releases that have one.
    /// </summary>
    public ActivationWindow? Window { get; init; }

    /// <summary>
    /// Assignments of one group are switched to together, or none of them is; null for one that stands alone. Agents of protocols 1 and
    /// 2 do not know it and are not told of releases that have one.
    /// </summary>
    public string? Group { get; init; }

    /// <summary>The assignment as an order names it.</summary>
    public OrderedRelease Ordered() => new(Model, Version, Release.Digest(), Rollback, Window, Group);
}
