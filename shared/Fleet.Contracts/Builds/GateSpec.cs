using Fleet.Contracts.Devices;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Builds;

/// <summary>The gates a release carries, relative to what the server measured.</summary>
public sealed record GateSpec
{
    /// <summary>A device must reach the expected accuracy less this, 0 to 1.</summary>
    public double AccuracyTolerance { get; set; } = 0.02;

    /// <summary>Largest p95 of one inference on the device; absent for none.</summary>
    public TimeSpan? MaximumLatencyP95 { get; init; }

    /// <summary>Largest memory of the validation process in bytes; absent for none.</summary>
    public long? MaximumMemoryBytes { get; init; }

    /// <summary>Samples of the test set that travel with the release as its validation set.</summary>
    public int ValidationSamples { get; set; } = 500;

    /// <summary>The gate of a variant the server measured as <paramref name="expected"/>; the budget of its profile holds as well.</summary>
    public ValidationGate For(Scores expected, ProfileBudget? budget = null) => new()
    {
        MinimumAccuracy = expected.Accuracy is { } accuracy ? Math.Max(0, accuracy - AccuracyTolerance) : null,
        MaximumLatencyP95 = new[] { MaximumLatencyP95, budget?.MaximumLatencyP95 }.Min(),
        MaximumMemoryBytes = new[] { MaximumMemoryBytes, budget?.MaximumMemoryBytes }.Min(),
    };
}
