using Fleet.Contracts.Devices;

namespace Fleet.Contracts.Builds;

public static partial class BuildSpecRules
{
    /// <summary>Calibrators by name.</summary>
    public static readonly IReadOnlyList<string> Calibrators = ["minmax", "percentile", "mse", "entropy"];

    private static void JudgeQuantization(QuantizationSpec spec, Problems problems)
    {
        problems.Require(spec.Profiles.Count > 0, "quantization.profiles must name at least one profile.");
        foreach (var profile in spec.Profiles)
            problems.OneOf("quantization.profiles", profile, [.. BuiltInProfiles.All.Select(builtIn => builtIn.Name)]);
        problems.OneOf("quantization.calibrator", spec.Calibrator, Calibrators);
        problems.Require(spec.CalibrationSamples is >= 8 and <= 1_000_000, $"quantization.calibrationSamples {spec.CalibrationSamples} must be within 8..1000000.");
        problems.Require(spec.MaximumDrop is >= 0 and <= 1, $"quantization.maximumDrop {spec.MaximumDrop} must be within 0..1.");
    }
}
