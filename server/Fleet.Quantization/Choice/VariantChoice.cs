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

    /// <summary>
    /// How far what it loses against the float model may be off by the samples that there are, to either side; zero where figures are of
    /// closeness, which the same samples always tell apart.
    /// </summary>
    public double Scatter { get; init; }

    /// <summary>Decibels of closeness to the float model, where labels decide; null where closeness decides itself.</summary>
    public double? SignalToNoise { get; init; }

    /// <summary>True for the float model itself, which is the choice when nothing else is.</summary>
    public bool IsFloat { get; init; }

    /// <summary>How fast it is beside the float model, measured or estimated; null when neither could be had.</summary>
    public RelativeSpeed? Speed { get; init; }

    /// <summary>True where <see cref="Speed"/> is an estimate that devices corrected.</summary>
    public bool IsRefined { get; init; }

    /// <summary>95th percentile of one inference; null when it was not measured.</summary>
    public TimeSpan? LatencyP95 { get; init; }

    /// <summary>Peak memory; null when it was not measured.</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>Why it may not be released at all: it collapsed; null when it may.</summary>
    public string? Collapse { get; init; }

    /// <summary>True when its weights are dequantized at every run without being meant to.</summary>
    public bool Unfused { get; init; }

    /// <summary>Of the float model, the size as it was given, before it was prepared; null for others.</summary>
    public long? GivenBytes { get; init; }

    /// <summary>Of the float model, what it was made of where that was quantized already; null for others.</summary>
    public QuantizedAlready? Quantized { get; init; }

    /// <summary>True when its weights have four bits: taken where that is known to be faster, or where bytes are what counts.</summary>
    public bool IsFourBit { get; init; }
}

/// <summary>
/// A quantized model that was given to be made float and quantized again: nothing larger takes its place without being faster.
/// </summary>
/// <param name="Bytes">Size of the file.</param>
/// <param name="Speed">How fast it is beside the float model made of it; null where that could not be had.</param>
internal sealed record QuantizedAlready(long Bytes, RelativeSpeed? Speed);

/// <summary>The choice.</summary>
/// <param name="Chosen">Id of the one to take; null when not even the float model keeps within the budgets.</param>
/// <param name="Front">Ids of what nothing is as good as in size, speed and quality and better in one, the smallest file first.</param>
/// <param name="OverBudget">Why one is outside a budget, by id: it may not be released.</param>
/// <param name="NotChosen">Why each other one is not chosen, by id.</param>
internal sealed record VariantDecision(
    string? Chosen, IReadOnlyList<string> Front, IReadOnlyDictionary<string, string> OverBudget,
    IReadOnlyDictionary<string, string> NotChosen)
{
    /// <summary>What is not known of the speed of the chosen one, in a sentence; null where it was told.</summary>
    public string? Untold { get; init; }

    /// <summary>True where another variant may be faster than the chosen one, which devices that run both would tell.</summary>
    public bool AsksDevices { get; init; }
}

/// <summary>Which of a profile's variants to take. Pure.</summary>
internal static class VariantChoice
{
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

        var original = candidates.First(candidate => candidate.IsFloat);
        var unfit = allowed.Select(candidate => (candidate.Id, Why: WhyUnfit(candidate, original, goal, budget)))
            .Where(one => one.Why is not null).ToDictionary(one => one.Id, one => one.Why!);
        var (front, fit) = (new List<Candidate>(), new List<Candidate>());
        foreach (var candidate in allowed)
        {
            // What may not be taken takes nothing's place.
            if (allowed.FirstOrDefault(other => Dominates(other, candidate)
                && (!unfit.ContainsKey(other.Id) || unfit.ContainsKey(candidate.Id))) is { } better)
            {
                notChosen[candidate.Id] = $"{NameOf(better)} is as small, as fast and as good, and better in one of them.";
                continue;
            }
            front.Add(candidate);
            if (unfit.TryGetValue(candidate.Id, out var why)) notChosen[candidate.Id] = why;
            else fit.Add(candidate);
        }
        var chosen = Best(fit, goal);
        foreach (var candidate in fit.Where(candidate => candidate != chosen))
            notChosen[candidate.Id] = $"{NameOf(chosen!)} is {Comparison(chosen!, candidate, goal)}.";
        return new VariantDecision(chosen?.Id,
            [
                .. front.OrderBy(candidate => candidate.Bytes).ThenBy(candidate => candidate.Id, StringComparer.Ordinal)
                    .Select(candidate => candidate.Id),
            ], overBudget, notChosen)
        {
            Untold = chosen is null ? null : Untold(chosen, [.. fit.Where(candidate => candidate != chosen)], goal),
            AsksDevices = chosen is { IsFloat: false } && goal == QuantizationGoal.Latency
                && fit.Any(other => other is { IsFloat: false } && other != chosen && IsUntold(chosen, other)),
        };
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

    private static string? ExcessOf(Candidate candidate, ProfileBudget budget)
    {
        if (candidate.Bytes > budget.MaximumBytes)
            return Text($"Its file has {candidate.Bytes:N0} bytes; the budget is {budget.MaximumBytes:N0}.");
        if (candidate.LatencyP95 > budget.MaximumLatencyP95)
            return Text($"Its p95 is {candidate.LatencyP95.Value.TotalMilliseconds:0.###} ms; the budget is ")
                + Text($"{budget.MaximumLatencyP95.Value.TotalMilliseconds:0.###} ms.");
        if (candidate.MemoryBytes > budget.MaximumMemoryBytes)
            return Text($"Its peak memory is {candidate.MemoryBytes / 1e6:0.#} MB; the budget is ")
                + Text($"{budget.MaximumMemoryBytes / 1e6:0.#} MB.");
        return null;
    }

    /// <summary>
    /// As good in all three and better in one. What was not timed, or not told apart, is beaten by the float model alone, which a larger
    /// file never replaces: among the others its device may find it the faster.
    /// </summary>
    private static bool Dominates(Candidate one, Candidate other)
    {
        if (one == other || one.Bytes > other.Bytes || one.Quality < other.Quality) return false;
        // Where labels cannot tell the two apart, the closer is better in something.
        if (!IsBetter(one, other) && one.SignalToNoise < other.SignalToNoise) return false;
        var better = one.Bytes < other.Bytes || one.Quality > other.Quality || one.IsFloat;
        return one.Speed is not { IsEstimate: false } own || other.Speed is not { IsEstimate: false } others
            ? one.IsFloat
            : own.IsAsFastAs(others) && (better || own.IsFasterThan(others));
    }

    private static string? WhyUnfit(Candidate candidate, Candidate original, QuantizationGoal goal, ProfileBudget budget)
    {
        if (original.Quantized is { } given && candidate.Bytes >= given.Bytes
            && !(goal == QuantizationGoal.Latency && candidate.Speed is { } own && given.Speed is { } speed && own.IsFasterThan(speed)))
            return Text($"Its file is not smaller than the quantized model that was given ({candidate.Bytes:N0} of {given.Bytes:N0} bytes)")
                + (goal == QuantizationGoal.Latency ? ", nor is it told to be faster." : ".");
        if (candidate.IsFloat) return null;
        if (Math.Min(original.Bytes, original.GivenBytes ?? original.Bytes) is var bytes && candidate.Bytes >= bytes)
            return Text($"Its file is not smaller than the float model ({candidate.Bytes:N0} of {bytes:N0} bytes).");
        if (goal == QuantizationGoal.Size) return null;
        if (candidate.Unfused)
            return "The runtime dequantizes its weights at every run and computes in float; only a goal of size would take it.";
        if (IsFaster(original, candidate))
            return $"{SpeedOf(candidate)} the speed of the float model; only a goal of size would take it.";
        // A budget of bytes is a goal of size as well.
        return candidate.IsFourBit && budget.MaximumBytes is null && !IsFaster(candidate, original)
            ? "Four-bit weights are taken where they are faster than the float model, which is not known of these, or for a goal of size."
            : null;
    }

    private static bool IsFaster(Candidate one, Candidate other)
        => one.Speed is { } own && other.Speed is { } others && own.IsFasterThan(others);

    /// <summary>
    /// What nothing is told to be faster than is alike in speed: of these one that nothing is told to be better than in the metric that
    /// decides is taken, the closest, then the smallest. Of the float model, which is always nearest to itself, nothing is gained where
    /// something smaller is no slower.
    /// </summary>
    private static Candidate? Best(List<Candidate> fit, QuantizationGoal goal)
    {
        if (goal == QuantizationGoal.Size)
            return fit.OrderBy(candidate => candidate.Bytes).ThenByDescending(candidate => candidate.Quality)
                .ThenBy(candidate => candidate.Id, StringComparer.Ordinal).FirstOrDefault();
        Candidate[] alike = goal == QuantizationGoal.Latency
            ? [.. fit.Where(candidate => !fit.Any(other => IsFaster(other, candidate)))] : [.. fit];
        Candidate[] variants = [.. alike.Where(candidate => !candidate.IsFloat)];
        if (variants.Length == 0) return alike.FirstOrDefault();
        var best = variants.MaxBy(candidate => candidate.Quality)!;
        return variants.Where(candidate => !IsBetter(best, candidate)).OrderByDescending(candidate => candidate.SignalToNoise)
            .ThenByDescending(candidate => candidate.Quality).ThenBy(candidate => candidate.Bytes)
            .ThenBy(candidate => candidate.Id, StringComparer.Ordinal).First();
    }

    /// <summary>True when one is told to be better by the samples that there are.</summary>
    private static bool IsBetter(Candidate one, Candidate other)
        => one.Quality - other.Quality > Math.Sqrt(one.Scatter * one.Scatter + other.Scatter * other.Scatter);

    private static string NameOf(Candidate candidate) => candidate.IsFloat ? "The float model" : candidate.Id;

    private static string SpeedOf(Candidate candidate)
        => candidate.Speed is { IsEstimate: true } estimate
            ? Text($"It is estimated to run at {estimate.Value:0.0} times") : $"It runs at {candidate.Speed}";

    private static string Smaller(Candidate chosen, Candidate other)
        => Text($"smaller ({chosen.Bytes:N0} against {other.Bytes:N0} bytes)");

    private static string Better(Candidate chosen, Candidate other)
    {
        var metric = $"{Threshold.Lowered(chosen.Figure.Title())} ({chosen.Figure.Text()} against {other.Figure.Text()})";
        if (IsBetter(chosen, other)) return $"better in {metric}";
        if (chosen.SignalToNoise is { } decibels && other.SignalToNoise is { } others && decibels > others)
            return Text($"as good as can be told in {metric} and closer to the float model ({decibels:0.0} against {others:0.0} dB)");
        return chosen.Quality > other.Quality ? $"better in {metric}"
            : chosen.Bytes < other.Bytes ? Smaller(chosen, other) : "as good and as small";
    }

    private static string Comparison(Candidate chosen, Candidate other, QuantizationGoal goal) => goal switch
    {
        QuantizationGoal.Latency => Faster(chosen, other),
        QuantizationGoal.Size when chosen.Bytes < other.Bytes => Smaller(chosen, other),
        _ when other.IsFloat => "smaller and not slower",
        _ => Better(chosen, other),
    };

    private static string Faster(Candidate chosen, Candidate other)
    {
        var gain = other.IsFloat ? Smaller(chosen, other) : Better(chosen, other);
        return (chosen.Speed, other.Speed) switch
        {
            ({ } own, { } others) when own.IsFasterThan(others) => own.IsEstimate || others.IsEstimate
                ? Text($"estimated to be faster ({own.Value:0.0} against {others.Value:0.0} times the float model; neither was timed)")
                : Text($"faster ({own.Value:0.00} against {others.Value:0.00} times the float model)"),
            ({ } own, { } others) => own.IsEstimate || others.IsEstimate
                ? Text($"about as fast by an estimate ({own.Value:0.0} against {others.Value:0.0} times the float model; neither was ")
                    + $"timed) and {gain}"
                : $"as fast as can be told ({own} against {others}) and {gain}",
            _ => $"{gain}; neither was timed, because the profile is not this machine's",
        };
    }

    /// <summary>What devices are left to tell of the speed of what was chosen.</summary>
    private static string? Untold(Candidate chosen, IReadOnlyList<Candidate> others, QuantizationGoal goal)
    {
        if (goal == QuantizationGoal.Size || chosen is { IsFloat: true } or { Speed: null }) return null;
        string[] alike = goal == QuantizationGoal.Latency ? [.. others.Where(other => IsUntold(chosen, other)).Select(Beside)] : [];
        if (chosen.Speed.IsEstimate)
            return Text($"It is estimated to run at {chosen.Speed.Value:0.0} times the speed of the float model, by its operators and ")
                + (chosen.IsRefined ? "what devices measured of others; it was not timed itself"
                    : "what this profile has kernels for; nothing was timed") + ", and devices will tell."
                + (alike.Length == 0 ? "" : Text($" An estimate may be off by a factor of {RelativeSpeed.EstimateError:0.00}, so that it ")
                    + $"cannot be told here from {string.Join(", ", alike)}.");
        return alike.Length > 0
            ? $"Its speed ({chosen.Speed}) could not be told here from that of {string.Join(", ", alike)}; devices will tell."
            : null;
    }

    /// <summary>
    /// True where another may be the faster as well as the chosen one, and a device could tell: of measured speeds those that are not shown
    /// to be equal, of estimates all that lie closer together than these may be off.
    /// </summary>
    private static bool IsUntold(Candidate chosen, Candidate other) => chosen.Speed is { } own && other.Speed is { } speed
        && !own.IsFasterThan(speed) && !(own.IsAsFastAs(speed) && speed.IsAsFastAs(own));

    private static string Beside(Candidate other) => (other.IsFloat ? "the float model" : other.Id)
        + (other.Speed is { IsEstimate: true } estimate ? Text($" (estimated {estimate.Value:0.0} times)") : $" ({other.Speed})");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
