using Fleet.Contracts.Devices;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Releases;

/// <summary>What a manifest must hold to. The server checks before it signs, the device again before it acts.</summary>
public static class ManifestRules
{
    /// <summary>Every rule <paramref name="manifest"/> breaks, a sentence each.</summary>
    public static IReadOnlyList<string> ProblemsOf(ReleaseManifest manifest)
    {
        var problems = new List<string>();
        if (!Names.IsName(manifest.Model)) problems.Add($"Model name '{manifest.Model}' must be {Names.Rule}.");
        if (manifest.Version < 1) problems.Add($"Version {manifest.Version} must be at least 1.");
        if (manifest.ExpiresAt <= manifest.CreatedAt) problems.Add("The release expires before it was created.");
        if (manifest.Inputs.Count == 0 || manifest.Outputs.Count == 0) problems.Add("A release names at least one input and one output.");
        if (manifest.Variants.Count is 0 or > Limits.VariantsPerRelease)
            problems.Add($"A release holds 1 to {Limits.VariantsPerRelease} variants, not {manifest.Variants.Count}.");
        if (manifest.Variants.DistinctBy(variant => variant.Id).Count() != manifest.Variants.Count)
            problems.Add("Two variants have the same id.");
        foreach (var variant in manifest.Variants)
        {
            if (!Names.IsName(variant.Id)) problems.Add($"Variant id '{variant.Id}' must be {Names.Rule}.");
            if (!Names.IsName(variant.Profile)) problems.Add($"Profile '{variant.Profile}' of variant {variant.Id} must be {Names.Rule}.");
            if (variant.Gate.Thresholds.Select(ThresholdRules.ProblemOf).OfType<string>().FirstOrDefault() is { } problem)
                problems.Add($"The gate of variant {variant.Id}: {problem}");
            if (variant.Gate.Deadline <= TimeSpan.Zero)
                problems.Add($"The gate of variant {variant.Id} has deadline {variant.Gate.Deadline}; it must be above zero.");
        }
        problems.AddRange(ProfileRules.ProblemsOf(manifest.Profiles ?? [], "profiles"));
        foreach (var artifact in manifest.Artifacts())
        {
            if (artifact.Sha256.Length != 64 || artifact.Sha256.Any(c => !char.IsAsciiHexDigitLower(c) && !char.IsAsciiDigit(c)))
                problems.Add($"Artifact {artifact.Name} has digest '{artifact.Sha256}', which is not 64 lower-case hexadecimal digits.");
            if (artifact.Bytes is < 1 or > Limits.ArtifactBytes)
                problems.Add($"Artifact {artifact.Name} has {artifact.Bytes} bytes; 1 to {Limits.ArtifactBytes} are allowed.");
        }
        return problems;
    }
}
