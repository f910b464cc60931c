using System.Globalization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Quantization.Choice;

/// <summary>What the choice among good variants is made by.</summary>
internal enum QuantizationGoal
{
    /// <summary>The fastest.</summary>
    Latency,
    /// <summary>The smallest file, even where it is slower than the float model.</summary>
    Size,
    /// <summary>The one best in the metric that decides that is smaller and not slower.</summary>
    Accuracy,
}

/// <summary>What is known of a variant, or of the float model, when the choice is made.</summary>
/// <param name="Id">Name of the variant.</param>
/// <param name="Bytes">Size of the file.</param>
/// <param name="Figure">The metric that decides: that of the task with labels, otherwise closeness to the float model.</param>
internal sealed record Candidate(string Id, long Bytes, MetricValue Figure)
{
    /// <summary>How good it is; larger is better, whatever the metric.</summary>
    public double Quality => Figure.Goodness();

    /// <summary>True for the float model itself, which is the choice when nothing else is.</summary>
    public bool IsFloat { get; init; }

    /// <summary>Median float latency over this one's; null when the profile is not this machine's.</summary>
    public double? Speed { get; init; }

    /// <summary>95th percentile of one inference; null when it was not measured.</summary>
    public TimeSpan? LatencyP95 { get; init; }

    /// <summary>Peak memory; null when it was not measured.</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>Why it may not be released at all: it collapsed; null when it may.</summary>
    public string? Collapse { get; init; }

    /// <summary>True when its weights are dequantized at every run without being meant to.</summary>
    public bool Unfused { get; init; }
}

/// <summary>The choice.</summary>
/// <param name="Chosen">Id of the one to take; null when not even the float model keeps within the budgets.</param>
/// <param name="Front">Ids of what nothing is as good as in size, speed and quality and better in one, the smallest file first.</param>
/// <param name="OverBudget">Why one is outside a budget, by id: it may not be released.</param>
/// <param name="NotChosen">Why each other one is not chosen, by id.</param>
internal sealed record VariantDecision(
    string? Chosen, IReadOnlyList<string> Front, IReadOnlyDictionary<string, string> OverBudget,
    IReadOnlyDictionary<string, string> NotChosen);

/// <summary>Which of a profile's variants to take. Pure.</summary>
internal static class VariantChoice
{
    /// <summary>
    /// Speeds whose ratio is within 3 % are equal: medians of some hundred interleaved calls differ by that much between two runs
    /// of the same model. "Not slower than the float model" is therefore a speed of at least 0.97.
    /// </summary>
    public const double EqualSpeed = 0.97;

    /// <summary>Decides for one profile.</summary>
    /// <param name="candidates">The variants and the float model.</param>
    /// <param name="goal">What to choose by.</param>
    /// <param name="budget">What every variant must keep within; a figure that was not measured limits nothing.</param>
    public static VariantDecision Decide(IReadOnlyList<Candidate> candidates, QuantizationGoal goal, ProfileBudget budget)
    {
        var overBudget = new Dictionary<string, string>();
        var notChosen = new Dictionary<string, string>();
        var allowed = new List<Candidate>();
        foreach (var candidate in candidates)
        {
            if (candidate.Collapse is { } collapse) notChosen[candidate.Id] = collapse;
            else if (ExcessOf(candidate, budget) is { } excess) notChosen[candidate.Id] = overBudget[candidate.Id] = excess;
            else allowed.Add(candidate);
        }

        var front = new List<Candidate>();
        foreach (var candidate in allowed)
        {
            if (allowed.FirstOrDefault(other => Dominates(other, candidate)) is { } better)
                notChosen[candidate.Id] =
                    $"{(better.IsFloat ? "The float model" : better.Id)} is as small, as fast and as good, and better in one of them.";
            else front.Add(candidate);
        }

        var fit = new List<Candidate>();
        foreach (var candidate in front)
        {
            if (WhyUnfit(candidate, goal) is { } why) notChosen[candidate.Id] = why;
            else fit.Add(candidate);
        }
        var chosen = Best(fit, goal);
        foreach (var candidate in fit.Where(candidate => candidate != chosen))
        {
            notChosen[candidate.Id] = $"{(chosen!.IsFloat ? "The float model" : chosen.Id)} is {Comparison(chosen, candidate, goal)}.";
        }
        return new VariantDecision(chosen?.Id,
            [
                .. front.OrderBy(candidate => candidate.Bytes).ThenBy(candidate => candidate.Id, StringComparer.Ordinal)
                    .Select(candidate => candidate.Id),
            ], overBudget, notChosen);
    }

    /// <summary>The tighter limit of both, in each figure.</summary>
    public static ProfileBudget Tighter(ProfileBudget one, ProfileBudget? other) => new()
    {
        MaximumBytes = Tighter(one.MaximumBytes, other?.MaximumBytes),
        MaximumLatencyP95 = Tighter(one.MaximumLatencyP95, other?.MaximumLatencyP95),
        MaximumMemoryBytes = Tighter(one.MaximumMemoryBytes, other?.MaximumMemoryBytes),
    };

    private static T? Tighter<T>(T? one, T? other) where T : struct, IComparable<T>
        => one is not { } first ? other : other is not { } second ? one : first.CompareTo(second) <= 0 ? first : second;

    /// <summary>True when <paramref name="speed"/>, the float latency over this one's, is slower than float beyond noise.</summary>
    public static bool IsSlower(double? speed) => speed < EqualSpeed;

    private static string? ExcessOf(Candidate candidate, ProfileBudget budget)
    {
        if (candidate.Bytes > budget.MaximumBytes)
            return Text($"Its file has {candidate.Bytes:N0} bytes; the budget is {budget.MaximumBytes:N0}.");
        if (candidate.LatencyP95 > budget.MaximumLatencyP95)
            return Text($"Its p95 is {candidate.LatencyP95.Value.TotalMilliseconds:0.###} ms; the budget is ")
                + Text($"{budget.MaximumLatencyP95.Value.TotalMilliseconds:0.###} ms.");
        if (candidate.MemoryBytes > budget.MaximumMemoryBytes)
            return Text($"Its peak memory is {candidate.MemoryBytes / 1048576.0:0.#} MiB; the budget is ")
                + Text($"{budget.MaximumMemoryBytes / 1048576.0:0.#} MiB.");
        return null;
    }

    /// <summary>
    /// As good in all three and better in one. What was not timed is beaten by the float model alone, which a larger file never
    /// replaces: among the others its device may find it the faster.
    /// </summary>
    private static bool Dominates(Candidate one, Candidate other)
    {
        var measured = one.Speed / other.Speed;
        if (measured is null && !one.IsFloat) return false;
        var ratio = measured ?? 1;
        return one.Bytes <= other.Bytes && one.Quality >= other.Quality && ratio >= EqualSpeed
            && (one.Bytes < other.Bytes || one.Quality > other.Quality || ratio > 1 / EqualSpeed || (one.IsFloat && !other.IsFloat));
    }

    private static string? WhyUnfit(Candidate candidate, QuantizationGoal goal) => goal switch
    {
        _ when candidate.IsFloat || goal == QuantizationGoal.Size => null,
        _ when candidate.Unfused =>
            "The runtime dequantizes its weights at every run and computes in float; only a goal of size would take it.",
        _ when IsSlower(candidate.Speed) =>
            Text($"It runs at {candidate.Speed:0.00} times the speed of the float model; only a goal of size would take it."),
        _ => null,
    };

    private static Candidate? Best(List<Candidate> fit, QuantizationGoal goal)
    {
        if (fit.Count == 0) return null;
        var fastest = fit.Max(Speed) * EqualSpeed;
        var ordered = goal switch
        {
            // What is as fast as the fastest is judged by size; what was not timed has no fastest, so that size decides.
            QuantizationGoal.Latency =>
                fit.Where(candidate => Speed(candidate) >= fastest).OrderBy(candidate => candidate.Bytes)
                    .ThenByDescending(candidate => candidate.Quality),
            QuantizationGoal.Size =>
                fit.OrderBy(candidate => candidate.Bytes).ThenByDescending(Speed).ThenByDescending(candidate => candidate.Quality),
            // The float model is always nearest to itself: it is the answer only where nothing else is left.
            _ => fit.OrderBy(candidate => candidate.IsFloat).ThenByDescending(candidate => candidate.Quality).ThenByDescending(Speed)
                .ThenBy(candidate => candidate.Bytes),
        };
        return ordered.ThenBy(candidate => candidate.Id, StringComparer.Ordinal).First();
    }

    private static double Speed(Candidate candidate) => candidate.Speed ?? 1;

    private static string Smaller(Candidate chosen, Candidate other)
        => Text($"smaller ({chosen.Bytes:N0} against {other.Bytes:N0} bytes)");

    private static string Comparison(Candidate chosen, Candidate other, QuantizationGoal goal) => goal switch
    {
        QuantizationGoal.Latency when chosen.Speed / other.Speed > 1 / EqualSpeed =>
            Text($"faster ({chosen.Speed:0.00} against {other.Speed:0.00} times the float model)"),
        QuantizationGoal.Latency when chosen.Speed is not null => $"as fast and {Smaller(chosen, other)}",
        QuantizationGoal.Latency =>
            $"{Smaller(chosen, other)}; neither was timed, because the profile is not this machine's",
        QuantizationGoal.Size => Smaller(chosen, other),
        _ when other.IsFloat => "smaller and not slower",
        _ => $"better in {Threshold.Lowered(chosen.Figure.Title())} ({chosen.Figure.Text()} against {other.Figure.Text()})",
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
