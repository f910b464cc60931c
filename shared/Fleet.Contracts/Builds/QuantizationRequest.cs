using Fleet.Contracts.Devices;

namespace Fleet.Contracts.Builds;

/// <summary>
/// A model to quantize, the samples that calibrate and judge, and what its variants must hold to. Defaults live here and nowhere else.
/// </summary>
public sealed record QuantizationRequest
{
    /// <summary>The float model and its samples. Paths are absolute, or relative to the process that does the work.</summary>
    public required SourceSpec Source { get; init; }

    /// <summary>Profiles, schemes, goal and limits of accuracy.</summary>
    public QuantizationSpec Quantization { get; set; } = new();

    /// <summary>
    /// Decisions that are taken as they were, profiles and schemes among them; absent: they are made anew. What <see cref="Quantization"/>
    /// says is then of no account.
    /// </summary>
    public QuantizationRecipe? Recipe { get; init; }

    /// <summary>What every variant must keep within, beside the budget of its profile; absent for nothing.</summary>
    public ProfileBudget? Budget { get; init; }

    /// <summary>
    /// Numbers, in rising order, of the samples that judge which a release will carry: what a device should measure on them is told beside
    /// the figures of those that report. Absent where there will be no release.
    /// </summary>
    public IReadOnlyList<int>? Travelling { get; init; }

    /// <summary>
    /// What devices of its profiles measured of other networks, at most <see cref="Limits.MeasuredForms"/>: estimates are corrected by it.
    /// Absent where no server knows of any.
    /// </summary>
    public IReadOnlyList<MeasuredForm>? Measured { get; init; }
}
