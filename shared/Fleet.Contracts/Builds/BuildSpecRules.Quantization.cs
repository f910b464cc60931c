using Fleet.Contracts.Devices;

namespace Fleet.Contracts.Builds;

/// <summary>The rules of <c>quantization</c>: profiles, schemes and what is chosen by.</summary>
public static partial class BuildSpecRules
{
    /// <summary>Calibrators by name.</summary>
    public static readonly IReadOnlyList<string> Calibrators = ["minmax", "percentile", "mse", "entropy"];

    /// <summary>Schemes by name, those of the worker; a test holds both lists to each other.</summary>
    public static readonly IReadOnlyList<string> Schemes =
        [
            "int8-static-u8s8", "int8-static-s8s8", "int8-static-symmetric", "int8-static-u8u8", "int8-static-u8s8-float-stem",
            "int8-dynamic", "int8-weights", "int4-weights", "int4-weights-hqq", "int4-weights-gptq",
            "int4-weights-portable", MixedWeights, "fp16",
        ];

    /// <summary>Formats of files; ONNX is always written.</summary>
    public static readonly IReadOnlyList<string> Formats = ["onnx", "ort"];

    /// <summary>The oldest and the newest operator set that variants are written in.</summary>
    public const int OldestOpset = 13, NewestOpset = 21;

    /// <summary>Most decibels that can be asked for: no rounding comes so close.</summary>
    public const int MostSignalToNoise = 150;

    /// <summary>The scheme that shares bits among layers.</summary>
    public const string MixedWeights = "mixed-weights";

    /// <summary>Layers and operators that a spec names, and characters of each name; models have names of a hundred.</summary>
    private const int MaximumNamedLayers = 1000, MaximumLayerName = 500;

    /// <summary>What variants are chosen by.</summary>
    public static readonly IReadOnlyList<string> Goals = ["latency", "size", "accuracy"];

    /// <summary>How much is tried, the least first; <c>balanced</c> where nothing is said.</summary>
    public static readonly IReadOnlyList<string> Efforts = ["fast", "balanced", "thorough"];

    /// <summary>Every rule that the part of a spec which quantizes breaks.</summary>
    public static IReadOnlyList<string> ProblemsOf(QuantizationSpec spec)
    {
        var problems = new Problems();
        JudgeQuantization(spec, problems);
        return problems.All;
    }

    private static void JudgeQuantization(QuantizationSpec spec, Problems problems)
    {
        problems.Require(spec.Profiles.Count > 0, "quantization.profiles must name at least one profile.");
        foreach (var profile in spec.Profiles)
            problems.OneOf("quantization.profiles", profile,
                [.. BuiltInProfiles.All.Concat(spec.CustomProfiles ?? []).Select(known => known.Name)]);
        problems.Require(spec.Profiles.Distinct().Count() == spec.Profiles.Count, "quantization.profiles names a profile twice.");
        foreach (var problem in ProfileRules.ProblemsOf(spec.CustomProfiles ?? [], "quantization.customProfiles"))
            problems.Require(false, problem);
        foreach (var (index, unused) in (spec.CustomProfiles ?? []).Index().Where(custom => !spec.Profiles.Contains(custom.Item.Name)))
            problems.Require(false, $"quantization.customProfiles[{index}].name '{unused.Name}' is not among quantization.profiles: "
                + $"nothing would be made for it.");
        problems.Require(spec.Schemes is not { Count: 0 },
            $"quantization.schemes must name at least one scheme, or be '{QuantizationSpec.Auto}'.");
        foreach (var scheme in spec.Schemes ?? [])
            problems.OneOf("quantization.schemes", scheme, spec.Schemes!.Count == 1 ? [QuantizationSpec.Auto, .. Schemes] : Schemes);
        if (spec.Goal is { } goal) problems.OneOf("quantization.goal", goal, Goals);
        if (spec.Format is { } format) problems.OneOf("quantization.format", format, Formats);
        problems.Require(spec.Opset is null or >= OldestOpset and <= NewestOpset,
            $"quantization.opset {spec.Opset} must be within {OldestOpset}..{NewestOpset}.");
        problems.Require(spec.Batch is null or >= 1 and <= QuantizationSpec.MostInBatch,
            $"quantization.batch {spec.Batch} must be within 1..{QuantizationSpec.MostInBatch}.");
        problems.Require(spec.TimeLimit is not { } limit || limit > TimeSpan.Zero,
            $"quantization.timeLimit {spec.TimeLimit} must be above zero.");
        if (spec.Effort is { } effort) problems.OneOf("quantization.effort", effort, Efforts);
        foreach (var (key, named) in (ReadOnlySpan<(string, IReadOnlyList<string>?)>)[
            ("quantization.keep", spec.Keep), ("quantization.only", spec.Only),
        ])
        {
            problems.Require(named is null or { Count: > 0 and <= MaximumNamedLayers },
                $"{key} has {named?.Count} entries; 1 to {MaximumNamedLayers} layers or operators are named, or the key is left out.");
            foreach (var layer in (named ?? []).Where(layer => layer is not { Length: > 0 and <= MaximumLayerName }))
                problems.Require(false, $"{key} '{layer}' must be the name of a layer or of an operator, of at most {MaximumLayerName} "
                    + "characters.");
        }
        problems.OneOf("quantization.calibrator", spec.Calibrator, Calibrators);
        problems.Require(spec.CalibrationSamples is >= 8 and <= 1_000_000,
            $"quantization.calibrationSamples {spec.CalibrationSamples} must be within 8..1000000.");
        problems.Require(spec.MaximumDrop is >= 0 and <= 1, $"quantization.maximumDrop {spec.MaximumDrop} must be within 0..1.");
        problems.Require(spec.MinimumSignalToNoise is null or >= 0 and <= MostSignalToNoise,
            $"quantization.minimumSignalToNoise {spec.MinimumSignalToNoise} must be within 0..{MostSignalToNoise}.");
        problems.Require(spec.AverageBits is null or >= QuantizationSpec.FewestAverageBits and <= QuantizationSpec.MostAverageBits,
            FormattableString.Invariant($"quantization.averageBits {spec.AverageBits} must be within ")
                + FormattableString.Invariant($"{QuantizationSpec.FewestAverageBits}..{QuantizationSpec.MostAverageBits}."));
        problems.Require(spec.Bits is null or { Count: > 0 and <= MaximumNamedLayers },
            $"quantization.bits has {spec.Bits?.Count} entries; 1 to {MaximumNamedLayers} layers or operators are named, or the key is "
                + "left out.");
        problems.Require(spec.Bits?.Any(layer => layer.Layer.Length > MaximumLayerName) != true,
            $"quantization.bits names a layer of more than {MaximumLayerName} characters.");
        problems.Require(spec.Bits is null || spec.Schemes is null or [QuantizationSpec.Auto] || spec.Schemes.Contains(MixedWeights),
            $"quantization.bits are those of {MixedWeights}, which quantization.schemes does not name; add it, or leave the schemes out.");
        problems.Require(spec.MinimumBoxAgreement is null or >= 0 and <= 1,
            $"quantization.minimumBoxAgreement {spec.MinimumBoxAgreement} must be within 0..1.");
    }
}
