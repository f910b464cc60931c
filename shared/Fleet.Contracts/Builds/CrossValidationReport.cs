using System.Text.Json.Serialization;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>How long networks were trained, found out by folds of the training samples that were held out in turn (data.folds).</summary>
public sealed record CrossValidationReport
{
    /// <summary>Folds.</summary>
    public required int Folds { get; init; }

    /// <summary>Teacher, where one was trained, and student.</summary>
    public required IReadOnlyList<FoldsReport> Networks { get; init; }

    /// <summary>Trainings that it took, before those of teacher and student on all samples.</summary>
    [JsonIgnore] public int Trainings => Folds * Networks.Count;
}

/// <summary>One network over the folds.</summary>
public sealed record FoldsReport
{
    /// <summary><c>teacher</c> or <c>student</c>.</summary>
    public required string Network { get; init; }

    /// <summary>Epochs after which it did best on average, an equal later one before; <c>training.stopAfter</c> of what is built.</summary>
    public required int StopAfter { get; init; }

    /// <summary>Epochs of the whole course, which the learning rate goes along.</summary>
    public required int Epochs { get; init; }

    /// <summary>
    /// Mean of what it reached there on what was held out. It is the best of several epochs and flatters a little; the test samples do
    /// not.
    /// </summary>
    public required MetricValue HeldOut { get; init; }

    /// <summary>Standard deviation of it over the folds (n - 1).</summary>
    public required double Deviation { get; init; }

    /// <summary>What it reached there on each fold.</summary>
    public required IReadOnlyList<MetricValue> OfFolds { get; init; }

    /// <summary>As a sentence for people.</summary>
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture,
        $"the {Network} ends after {StopAfter} of {Epochs} epochs, ")
        + $"{HeldOut.Title().ToLowerInvariant()} {HeldOut.Text()} with a deviation of "
        + $"{(HeldOut with { Value = Deviation }).Text()} over {OfFolds.Count} folds";
}
