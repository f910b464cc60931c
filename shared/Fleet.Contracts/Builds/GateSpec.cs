using System.Text.Json.Serialization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Builds;

/// <summary>The gates a release carries, relative to what the server measured.</summary>
public sealed record GateSpec
{
    /// <summary>
    /// How much worse than on the server the metric that decides may be on a device, as <see cref="Threshold.Allowing"/> counts: points
    /// for a share such as accuracy (0.02 is two points), a share of the figure for an error such as RMSE (0.02 is 2 %).
    /// </summary>
    public double AccuracyTolerance { get; set; } = 0.02;

    /// <summary>
    /// How much worse than the teacher the student and each variant may be on the test samples, counted as
    /// <see cref="AccuracyTolerance"/> is; a student that is worse ends the build. Absent: however much.
    /// </summary>
    public double? BelowTeacher { get; init; }

    /// <summary>
    /// By how much the student and each variant must be better than the best of the simple models (<see cref="FloorReport"/>, but for the
    /// student on labels alone) on the test samples, counted alike; 0 for as good. A student that is not ends the build. Absent: not at
    /// all.
    /// </summary>
    public double? AboveFloor { get; init; }

    /// <summary>Limits that hold as they stand, each in place of what would follow from the server's figures; absent for none.</summary>
    public IReadOnlyList<Threshold>? Thresholds { get; init; }

    /// <summary>Largest p95 of one inference on the device; absent for none.</summary>
    public TimeSpan? MaximumLatencyP95 { get; init; }

    /// <summary>Largest memory of the validation process in bytes; absent for none.</summary>
    public long? MaximumMemoryBytes { get; init; }

    /// <summary>Samples of the test set that travel with the release as its validation set.</summary>
    public int ValidationSamples { get; set; } = 500;

    /// <summary>
    /// The gate of a variant the server measured as <paramref name="expected"/>: the first metric of the task that was measured,
    /// against labels if there were any; the budget of its profile holds as well. Of anomalies the share of normal samples above the
    /// threshold is held too; without labels, the share of samples that are on the same side of it as by the float model.
    /// </summary>
    public ValidationGate For(ModelTask task, Scores expected, ProfileBudget? budget = null)
    {
        var limits = new ValidationGate
        {
            MaximumLatencyP95 = new[] { MaximumLatencyP95, budget?.MaximumLatencyP95 }.Min(),
            MaximumMemoryBytes = new[] { MaximumMemoryBytes, budget?.MaximumMemoryBytes }.Min(),
        };
        // A ranking stays as it is where all scores are shifted, and what is told apart by a threshold does not.
        Metric[] beside = task == ModelTask.Anomaly
            ? expected[Metric.FalsePositiveRate] is null ? [Metric.Agreement] : [Metric.FalsePositiveRate]
            : [];
        IEnumerable<Threshold> all = [
            .. expected.Deciding(task) is { } decides ? [Threshold.Allowing(decides, AccuracyTolerance)] : Array.Empty<Threshold>(),
            .. beside.Where(metric => expected[metric] is not null)
                .Select(metric => Threshold.Allowing(MetricValue.Of(metric, expected[metric]!.Value), AccuracyTolerance)),
            .. limits.Thresholds,
        ];
        return limits with { Thresholds = [.. (Thresholds ?? []).Concat(all).DistinctBy(threshold => threshold.Metric)] };
    }

    /// <summary>What of it every variant must keep within when it is made.</summary>
    [JsonIgnore] public ProfileBudget Budget => new() { MaximumLatencyP95 = MaximumLatencyP95, MaximumMemoryBytes = MaximumMemoryBytes };
}
