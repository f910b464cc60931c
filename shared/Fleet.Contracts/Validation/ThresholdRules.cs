using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Validation;

/// <summary>What a threshold must hold to, on the wire and in a spec.</summary>
public static class ThresholdRules
{
    /// <summary>
    /// The rule it breaks; null when it breaks none. A metric that is not known is allowed: whoever knows it judges by it, and nobody else
    /// lets it pass.
    /// </summary>
    public static string? ProblemOf(Threshold threshold) => threshold switch
    {
        { Metric.Length: 0 or > Limits.NameLength } =>
            $"A threshold's metric has {threshold.Metric.Length} characters; 1 to {Limits.NameLength} are allowed.",
        { Unit.Length: > Units.Length } =>
            $"The unit of threshold {threshold.Metric} has {threshold.Unit.Length} characters; at most {Units.Length} are allowed.",
        { Minimum: null, Maximum: null } => $"Threshold {threshold.Metric} has neither a minimum nor a maximum.",
        { Minimum: { } least, Maximum: { } most } when least > most =>
            $"Threshold {threshold.Metric} has minimum {least} above maximum {most}.",
        _ => null,
    };
}
