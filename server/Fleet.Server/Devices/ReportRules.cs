using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Server.Devices;

/// <summary>Whether what a device reports of a model can be, beside the release it was told to run. Pure.</summary>
internal static class ReportRules
{
    /// <summary>Why it cannot be, in a sentence; null when it can.</summary>
    /// <param name="reported">The report.</param>
    /// <param name="model">The model in it.</param>
    /// <param name="manifest">The release it names; null when this server does not know it.</param>
    public static string? ProblemOf(ReportedState reported, ReportedModel model, ReleaseManifest? manifest)
    {
        if (model.Measured is { } measured && ScoreRules.ProblemOf(measured) is { } impossible) return impossible;
        if (manifest is null) return null;
        if (VariantProblem(reported, model.Variant, manifest) is { } unknown) return unknown;
        if (model.ActiveVersion == model.Version && VariantProblem(reported, model.ActiveVariant, manifest) is { } unheard) return unheard;
        return Passed(model) ? GateProblem(model, manifest) : null;
    }

    /// <summary>True when the report says that the variant has passed its gate on the device.</summary>
    public static bool Passed(ReportedModel model)
        => model is { Phase: DeploymentPhase.Watching or DeploymentPhase.Active, Failure: DeploymentFailure.None };

    private static string? VariantProblem(ReportedState reported, string? variant, ReleaseManifest manifest)
    {
        if (variant is null) return null;
        if (manifest.Variants.FirstOrDefault(one => one.Id == variant) is not { } found)
            return $"Release {manifest.Model} {manifest.Version} has no variant {variant}.";
        return manifest.ProfileFor(reported.Facts) is { } profile && profile != found.Profile
            ? $"Variant {variant} is for {found.Profile}; this device takes {profile}."
            : null;
    }

    private static string? GateProblem(ReportedModel model, ReleaseManifest manifest)
    {
        if (manifest.Variants.FirstOrDefault(one => one.Id == model.Variant) is not { } variant)
            return $"{model.Model} {model.Version} is said to serve without a variant.";
        if (variant.Gate.Thresholds.Count > 0 && model.Measured is not { Samples: > 0 })
            return $"Variant {variant.Id} is said to serve, and nothing was measured of it.";
        return variant.Gate.Judge(model.Measured ?? new Scores()).Reasons is [var first, ..]
            ? $"Variant {variant.Id} is said to serve, and by its figures it failed: {first}"
            : null;
    }
}
