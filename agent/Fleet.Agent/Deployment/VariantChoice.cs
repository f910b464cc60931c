using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Agent.Deployment;

/// <summary>A variant and what this device measured of it.</summary>
internal sealed record MeasuredVariant(Variant Variant, Scores Scores);

/// <summary>Which of the variants that passed their gates serves. Pure.</summary>
internal static class VariantChoice
{
    /// <summary>
    /// A share such as accuracy within half a point of the best counts as equal, another figure within half a percent of it: less is
    /// noise on validation sets of a few thousand samples.
    /// </summary>
    public const double FigureTolerance = 0.005;

    /// <summary>A p95 within 5 % of the fastest counts as equal: less is noise between two runs on one device.</summary>
    public const double LatencyTolerance = 0.05;

    /// <summary>
    /// The figure that decides for the task comes first, such as accuracy, then p95, then size: of the best variants the fastest, of
    /// the fastest the smallest, each up to its tolerance. Tolerances count from the best of all, so that the order of the variants
    /// does not matter; variants that are equal in everything go by id. A figure that was not measured counts as the worst.
    /// </summary>
    public static MeasuredVariant? Best(ModelTask task, IReadOnlyList<MeasuredVariant> passed)
    {
        if (passed.Count == 0) return null;
        var good = BestBy(task, passed);
        var fast = good.Where(one => Latency(one) <= good.Min(Latency) * (1 + LatencyTolerance)).ToArray();
        return fast.OrderBy(one => one.Variant.Artifact.Bytes).ThenBy(one => one.Variant.Id, StringComparer.Ordinal).First();
    }

    private static MeasuredVariant[] BestBy(ModelTask task, IReadOnlyList<MeasuredVariant> passed)
    {
        // All come from one validation set, so what was measured of one was measured of all, unless it could not be.
        var deciding = passed.Select(one => one.Scores.Deciding(task)).FirstOrDefault(value => value is not null);
        if (deciding is not { } decides) return [.. passed];
        var best = passed.Max(Goodness);
        var tolerance = decides.Unit == Units.Ratio ? FigureTolerance : FigureTolerance * Math.Abs(best);
        return [.. passed.Where(one => Goodness(one) >= best - tolerance)];

        double Goodness(MeasuredVariant one)
        {
            if (one.Scores.Find(decides.Name) is not { } figure) return double.NegativeInfinity;
            return figure.Better == MetricDirection.Higher ? figure.Value : -figure.Value;
        }
    }

    private static double Latency(MeasuredVariant one) => one.Scores.Latency?.P95.TotalMilliseconds ?? double.MaxValue;
}
