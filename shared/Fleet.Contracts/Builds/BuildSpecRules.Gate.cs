namespace Fleet.Contracts.Builds;

public static partial class BuildSpecRules
{
    private static void JudgeGate(GateSpec spec, Problems problems)
    {
        problems.Require(spec.AccuracyTolerance is >= 0 and <= 1, $"gate.accuracyTolerance {spec.AccuracyTolerance} must be within 0..1.");
        problems.Require(spec.ValidationSamples is >= 1 and <= 100_000, $"gate.validationSamples {spec.ValidationSamples} must be within 1..100000.");
    }
}
