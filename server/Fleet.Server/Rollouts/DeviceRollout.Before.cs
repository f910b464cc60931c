using Fleet.Contracts.Validation;

namespace Fleet.Server.Rollouts;

/// <summary>What a device rollout of the one model kept beside the rest, before there were several; only read.</summary>
internal sealed partial record DeviceRollout
{
    /// <inheritdoc cref="ModelRollout.Model"/>
    public string? Model { get; init; }

    /// <inheritdoc cref="ModelRollout.Version"/>
    public int? Version { get; init; }

    /// <inheritdoc cref="ModelRollout.PreviousVersion"/>
    public int? PreviousVersion { get; init; }

    /// <inheritdoc cref="ModelRollout.ServedVersion"/>
    public int? ServedVersion { get; init; }

    /// <inheritdoc cref="ModelRollout.PreviousFailed"/>
    public bool? PreviousFailed { get; init; }

    /// <inheritdoc cref="ModelRollout.Variant"/>
    public string? Variant { get; init; }

    /// <inheritdoc cref="ModelRollout.Measured"/>
    public Scores? Measured { get; init; }

    private ModelRollout AsKeptBefore() => new(Model ?? "", Version ?? 0)
    {
        PreviousVersion = PreviousVersion,
        ServedVersion = ServedVersion,
        PreviousFailed = PreviousFailed ?? false,
        Phase = Phase,
        Failure = Failure,
        Detail = Detail.Length > 0 ? Detail : null,
        Variant = Variant,
        Measured = Measured,
        ReturnsTo = Return?.Version,
    };
}
